"""The report of a reader of sequences. In: fitted parts, the data. Out: a `Page`; next: the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.report.blocks import Live, Page, Section
from unrolled.tasks.classify.class_view import ClassView
from unrolled.tasks.classify.explaining import inputs_of_row, read_row
from unrolled.tasks.classify.findings import Findings, View
from unrolled.tasks.classify.label_view import LabelView
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.classify.number_view import NumberView
from unrolled.tasks.live import with_reason
from unrolled.tasks.looking import Reading, norms_by_lag
from unrolled.tasks.reporting import every_parameter, inside, learning, the_cell, trained_on

READ_CLOSELY = 3  # examples with drawn states
FOR_LAGS = 20  # sequences over which the derivative by lag is averaged
LONGEST = 200  # steps of an example with drawn states
VIEWS: dict[str, View] = {"class": ClassView(), "labels": LabelView(), "number": NumberView()}


def page_of(found: Findings) -> Page:
    """The whole report."""
    view = VIEWS[found.model.aim.name]
    weights = sum(weight.numel() for weight in found.model.parameters())
    notes = with_reason(found.notes, found.live)
    return Page(
        title=view.title(found),
        lead=view.lead(found),
        sections=[
            trained_on(found.config, _part_rows(found), notes),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, view.shown),
            view.how_good(found),
            view.examples(found),
            _inside(found, view),
            every_parameter(found.config),
        ],
        command=found.command,
        live=found.live if isinstance(found.live, Live) else None,
    )


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "sequences", "median steps", "maximum steps"]]
    for name, data in found.parts.items():
        lengths = data.sequences.lengths
        if name == "validation" and data.folds is not None:
            name = "validation (the same rows, each by networks that were not trained on it)"
        rows.append([name, len(data), int(np.median(lengths)), int(lengths.max())])
    return rows


def _inside(found: Findings, view: View) -> Section:
    told, model = found.told, _first(found)
    readings = [_reading(found, view, row) for row in view.chosen(found, READ_CLOSELY)]
    spread = np.linspace(0, len(told.data) - 1, min(FOR_LAGS, len(told.data))).astype(int)
    sequences = [inputs_of_row(model, told.data, int(row), LONGEST) for row in spread]
    norms = norms_by_lag(model.recurrent, sequences, seed=0)
    return inside(
        readings,
        norms,
        "the derivative of the explained score with respect to the input, times the input."
        + _which_units(found),
    )


def _which_units(found: Findings) -> str:
    """A sentence on the rows of each direction, for a bidirectional network."""
    recurrent = _first(found).recurrent
    units = recurrent.output_size
    if recurrent.directions == 1:
        return ""
    return f" Units 1 to {units} read forward, units {units + 1} to {2 * units} backward."


def _first(found: Findings) -> Labeller:
    """The member whose states are drawn."""
    member = found.model.eval().members[0]
    assert isinstance(member, Labeller)
    return member


def _reading(found: Findings, view: View, row: int) -> Reading:
    model, told = _first(found), found.told
    inputs = inputs_of_row(model, told.data, row, LONGEST)
    output, title = view.read_as(found, row)
    hidden, counted = read_row(model, inputs, output)
    values = found.values(row)
    if values is None:
        title = f"{title[:1].upper()}{title[1:]}"
    else:
        title = f"{found.show(row)}, {title}"
        values = values[:: model.stride][:LONGEST]
    steps = list(found.steps(row))[:: model.stride][:LONGEST]
    return Reading(title, steps, hidden, counted, values)
