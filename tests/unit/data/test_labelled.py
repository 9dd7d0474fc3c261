"""Texts and series with labels, from every kind of file, and how they are split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unrolled.data import sources
from unrolled.data.labelled import inputs_of
from unrolled.data.labels import LABEL_NAMES
from unrolled.data.series import read_series
from unrolled.data.splits import folds, hold_out
from unrolled.data.texts import read_texts
from unrolled.errors import DataError


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_texts_of_a_table(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "id,review,mood\n1,good,1.0\n2,,0\n3,bad,0\n4,fine,\n5,ok,1\n")
    found = read_texts(path, "review", "mood")
    assert found.texts == ["good", "bad", "ok"]
    assert found.labels == ["1", "0", "1"]
    assert found.rows == [1, 3, 5]
    assert found.notes.sentences == [
        "labels of 'mood' such as '1' and '1.0' were read as one class",
        "1 of 5 rows had no label and were left out",
        "1 of 4 rows had no text and were left out",
    ]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "Id,Text,Label\n1,good,a\n2,bad,b\n")
    assert read_texts(path).labels == ["a", "b"]
    assert read_texts(path, labelled=False).labels is None
    assert read_texts(path, labelled=False).texts == ["good", "bad"]


def test_a_class_with_one_example(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "text,label\n" + "x,a\n" * 9 + "y,b\n")
    assert read_texts(path).notes.sentences[0] == (
        "1 class has a single example ('b'): it is used for training, so its "
        "accuracy cannot be measured"
    )


def test_labels_that_look_alike_are_told(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "text,mood\n" + "x,ham\n" * 9 + "y,HAM\nz, spam \nw,spam\n")
    found = read_texts(path, text="text", label="mood")
    assert set(found.labels or ()) == {"ham", "HAM", "spam"}
    assert found.notes.sentences[0] == (
        "the labels 'HAM', 'ham' of 'mood' differ only in capitals or spaces and are 2 different "
        "classes (the rarest, 'HAM', has 1 rows): --fold-labels merges them"
    )


def test_texts_that_repeat_are_told_where_there_are_parts(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "text,label\nx,a\nx,a\ny,b\n")
    repeat = "1 of 3 texts repeat an earlier one; equal texts stay in the same part"
    assert repeat in read_texts(path).notes.sentences
    assert repeat not in read_texts(path, text="text", labelled=False).notes.sentences


def test_long_texts_are_cut(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", "text,label\n" + "x" * 50 + ",a\ny,b\n")
    found = read_texts(path, longest=20)
    assert [len(one) for one in found.texts] == [20, 1]
    assert "1 of 2 texts were longer than 20 characters and were truncated" in found.notes.sentences


def test_lines_to_predict(tmp_path: Path) -> None:
    path = table(tmp_path / "new.txt", "one\n\ntwo\n")
    found = sources.unlabelled(path)
    assert inputs_of(found) == ["one", "two"]
    assert found.rows == [1, 3]


def test_a_folder_of_files_and_a_folder_of_folders(tmp_path: Path) -> None:
    for name, lines in (("Greek", "Adamou\nAlexiou\n"), ("Irish", "Kelly\nWalsh\n")):
        table(tmp_path / f"{name}.txt", lines)
    (tmp_path / "README.txt").write_text("about\n")
    found = read_texts(tmp_path)
    assert found.labels == ["Greek", "Greek", "Irish", "Irish"]
    assert found.texts[2] == "Kelly"
    inner = tmp_path / "inner"
    for name in ("neg", "pos"):
        (inner / name).mkdir(parents=True)
        table(inner / name / "1.txt", f"a {name} text\nof two lines\n")
    documents = read_texts(inner)
    assert documents.labels == ["neg", "pos"]
    assert documents.texts[1] == "a pos text\nof two lines\n"


TS = """#comment
@problemName x
@timeStamps false
@classLabel true a b
@data
1,2,?,4:5,6,7,8:a
1,2:3,4:b
1:2:a
3:4:b
"""


def test_ts(tmp_path: Path) -> None:
    found = read_series(table(tmp_path / "a.ts", TS))
    assert found.labels == ["a", "b", "a", "b"]
    assert [one.shape for one in found.values] == [(4, 2), (2, 2), (1, 2), (1, 2)]
    assert found.values[0][:, 0].tolist() == [1, 2, 3, 4]
    assert found.notes.sentences == ["1 of 16 values were missing and were interpolated linearly"]


def test_npz(tmp_path: Path) -> None:
    x = np.arange(24.0).reshape(2, 4, 3)
    np.savez(tmp_path / "cube.npz", x=x, y=np.array([3, 5]))
    found = read_series(tmp_path / "cube.npz")
    assert found.labels == ["3", "5"]
    assert np.array_equal(found.values[1], x[1].astype(np.float32))
    np.savez(tmp_path / "flat.npz", x=x[0], y=np.array(["p", "q"]), lengths=np.array([3, 1]))
    ragged = read_series(tmp_path / "flat.npz")
    assert [one.shape for one in ragged.values] == [(3, 3), (1, 3)]
    assert ragged.values[1].tolist() == [[9, 10, 11]]


@pytest.mark.parametrize("name", LABEL_NAMES)
def test_a_label_is_found_by_its_name_in_numbers_as_in_texts(tmp_path: Path, name: str) -> None:
    found = read_series(table(tmp_path / "v.csv", f"{name},t1,t2\na,1,2\nb,4,6\n"))
    assert found.labels == ["a", "b"]


def test_wide(tmp_path: Path) -> None:
    path = table(tmp_path / "w.csv", "label,x_1,x_2,x_3,y_1,y_2,y_3\na,1,2,3,4,5,6\nb,7,8,,9,1,\n")
    found = read_series(path)
    assert found.channels == ["x", "y"]
    assert found.values[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert found.values[1].tolist() == [[7, 9], [8, 1]]
    one = read_series(table(tmp_path / "v.csv", "label,t1,t2,t3\na,1,2,3\nb,4,,6\n"))
    assert one.channels == ["value"]
    assert one.values[1].tolist() == [[4], [5], [6]]


def test_long(tmp_path: Path) -> None:
    path = table(
        tmp_path / "l.csv",
        "series,time,label,u,v\nA,2,p,3,4\nB,1,q,5,6\nA,1,p,1,2\nB,2,q,7,8\nB,3,q,9,1\n",
    )
    found = read_series(path)
    assert found.rows == ["A", "B"]
    assert found.labels == ["p", "q"]
    assert found.channels == ["u", "v"]
    assert found.values[0].tolist() == [[1, 2], [3, 4]]
    assert len(found.values[1]) == 3
    unlabelled = read_series(table(tmp_path / "m.csv", "series,u\nA,1\nA,2\n"), labelled=False)
    assert unlabelled.labels is None
    assert unlabelled.values[0].tolist() == [[1], [2]]


def test_what_a_table_holds(tmp_path: Path) -> None:
    text = table(tmp_path / "t.csv", "words,mood,label\nhello,fine,a\nhallo,gut,b\n")
    series = table(tmp_path / "s.csv", "label,a,b\np,1,2\nq,3,4\n")
    assert sources.is_text(text, None, None, None)
    assert not sources.is_text(series, None, None, None)
    assert sources.labelled(series).is_text is False


def test_hold_out_is_by_class_and_seeded() -> None:
    labels = ["a"] * 90 + ["b"] * 10 + ["c"]
    learned, held = hold_out(labels, 0.1, seed=3)
    assert sorted([*learned, *held]) == list(range(101))
    counted = [labels[row] for row in held]
    assert (counted.count("a"), counted.count("b"), counted.count("c")) == (9, 1, 0)
    assert np.array_equal(held, hold_out(labels, 0.1, seed=3)[1])
    assert not np.array_equal(held, hold_out(labels, 0.1, seed=4)[1])


def test_equal_texts_stay_together() -> None:
    texts = [f"text {i % 20}" for i in range(60)]
    labels = ["a" if i % 20 < 10 else "b" for i in range(60)]
    learned, held = hold_out(labels, 0.3, 0, texts)
    assert len(held) == 18
    assert {texts[row] for row in learned}.isdisjoint(texts[row] for row in held)
    for out, into in folds(labels, 4, 0, texts):
        assert {texts[row] for row in out}.isdisjoint(texts[row] for row in into)


def test_folds_cover_every_row_once() -> None:
    labels = ["a"] * 11 + ["b"] * 5
    made = folds(labels, 3, seed=0)
    assert sorted(row for _, held in made for row in held) == list(range(16))
    assert all([labels[row] for row in held].count("b") in (1, 2) for _, held in made)
    with pytest.raises(DataError, match="20 folds cannot be made: 2 to 11 can"):
        folds(labels, 20, seed=0)


def test_a_name_in_each_row_is_no_series_of_one_step(tmp_path: Path) -> None:
    """A wide table with a number or a name in front: each row is a whole series."""
    path = tmp_path / "wide.csv"
    path.write_text("id,label,s1,s2,s3\na,up,1,2,3\nb,down,3,2,1\nc,up,4,5,6\nd,down,6,5,4\n")
    found = read_series(path)
    assert [one.shape for one in found.values] == [(3, 1)] * 4
    assert found.rows == ["a", "b", "c", "d"]
    assert any("'id' has a different value in each row" in note for note in found.notes)
    with pytest.raises(DataError, match="leave --series out if each row is a whole series"):
        read_series(path, series="id")
    path.write_text("id,label,s1,s2\na,up,1,2\na,up,3,2\nb,down,4,5\n")
    assert [one.shape for one in read_series(path).values] == [(2, 2), (1, 2)]


def test_what_is_to_be_predicted_is_no_input(tmp_path):
    """In a file to predict, the column of labels is found by its name as it was in training."""
    wide = tmp_path / "wide.csv"
    wide.write_text("label,v1,v2\n0,1.5,2.5\n1,3.5,4.5\n")
    long = tmp_path / "long.csv"
    long.write_text("id,y,u\n1,0,1.5\n1,0,2.5\n2,1,3.5\n2,1,4.5\n")
    for path, columns in ((wide, {}), (long, {"series": "id"})):
        values = [np.array([[1.5], [2.5]]), np.array([[3.5], [4.5]])]
        for one, expected in zip(read_series(path, labelled=False, **columns).values, values):
            assert np.array_equal(one, expected)
    # a run whose labels were in another column has learned from this one
    assert read_series(long, "kind", "id", labelled=False).values[0].shape == (2, 2)
