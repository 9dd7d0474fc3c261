"""A pass over a plan: states may be reset before a step. In: a forward or backward plan. Out: the
same with a place that says where, and the values that other places then have; next: `verify`, an
engine.

It does what `equations/reset` does to a step, without additional values to compute or store.
"""

from __future__ import annotations

from dataclasses import replace

from unrolled.engines.plan.directions import BackwardPlan, ForwardPlan
from unrolled.engines.plan.plan import Kind, Place
from unrolled.equations.equation import Equation
from unrolled.equations.nodes import ONE

RESET = Place(Kind.TOKEN, "reset", ONE)


def forward(made: ForwardPlan, step: Equation) -> ForwardPlan:
    """The states before a step."""
    starts = {place: _start(step, place) for place in made.plan.places
              if place.kind in (Kind.BEFORE, Kind.NOW)}  # fmt: skip
    return replace(made, plan=replace(made.plan, reset=RESET, anew=starts))


def backward(made: BackwardPlan, step: Equation) -> BackwardPlan:
    """The states before a step, also as right sides of outer products; and no derivative reaches
    the previous step."""
    states = [place for place in made.plan.places if place.kind is Kind.BEFORE]
    starts = {place: _start(step, place) for place in states}
    starts |= {right_panel(outer.right): _start(step, outer.right) for outer in made.outers
               if outer.right.kind is Kind.BEFORE}  # fmt: skip
    starts |= dict.fromkeys(made.plan.of_kind(Kind.NEXT), 0.0)
    return replace(made, plan=replace(made.plan, reset=RESET, anew=starts))


def right_panel(right: Place) -> Place:
    """A right side of outer products, in panels."""
    return replace(right, kind=Kind.PANEL, name=f"right {right.name}")


def _start(step: Equation, place: Place) -> float:
    return step.initial_state.get(place.name, 0.0)
