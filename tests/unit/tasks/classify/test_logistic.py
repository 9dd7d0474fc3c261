"""The two linear models of n-grams: their ratios, and that both are linear in one input."""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.tasks.classify.logistic import ABSENT, FeatureRows, fitted, log_ratios


def rows_of(of_classes, wanted, features=9):
    draw = np.random.default_rng(0)
    values = draw.random((len(wanted), features)) * (draw.random((len(wanted), features)) < 0.4)
    return FeatureRows(
        csr_matrix(values), np.asarray(wanted, float), np.ones(len(wanted)), of_classes
    )


def indicators(classes, count):
    return np.eye(count)[np.asarray(classes)]


def test_ratios_are_those_of_counting_one_by_one():
    classes = [0, 1, 2, 1, 0, 2, 2]
    rows = rows_of(True, indicators(classes, 3))
    present = rows.features.toarray() > 0
    for number, found in enumerate(log_ratios(rows)):
        mine = np.array(classes) == number
        inside, outside = (1 + present[which].sum(0) for which in (mine, ~mine))
        expected = np.log((inside / inside.sum()) / (outside / outside.sum()))
        assert_agrees(found, expected, tolerance=FLOAT64)


def test_rated_weights_are_of_the_features_themselves():
    wanted = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]])
    rows = rows_of(False, wanted)
    model = fitted(rows, "rated", 2.0)
    scaled = rows.features.toarray() * log_ratios(rows)[0]
    reference = LogisticRegression(C=2.0, solver="liblinear", dual=True, random_state=0)
    reference.fit(csr_matrix(scaled), wanted[:, 0])
    said = reference.decision_function(scaled)
    assert_agrees(model.scores(rows.features)[:, 0], said, tolerance=FLOAT32)


def test_of_two_classes_one_is_the_opposite_of_the_other():
    rows = rows_of(True, indicators([0, 1, 1, 0, 1], 2))
    for way in ("plain", "rated"):
        scores = fitted(rows, way, 1.0).scores(rows.features)
        assert_agrees(scores[:, 0], -scores[:, 1], tolerance=FLOAT32)
        assert np.ptp(scores[:, 0]) > 0


def test_a_class_without_rows_has_a_low_score():
    rows = rows_of(True, indicators([0, 1, 0, 1, 1], 3))
    scores = fitted(rows, "rated", 1.0).scores(rows.features)
    assert (scores[:, 2] == ABSENT).all()
