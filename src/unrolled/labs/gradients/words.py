"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

import numpy as np

from unrolled.labs.gradients.measure import WILD, Measured, Scaled, final
from unrolled.report.blocks import Question
from unrolled.report.numbers import number, percent


def below_one(measured: Measured) -> list[Scaled]:
    return [one for one in measured.scaled["Elman"] if one.radius < 1]


def discussion(measured: Measured) -> str:
    return "\n\n".join(
        [
            _vanishing(measured),
            _exploding(measured),
            _gates(measured),
            _forgetting(measured),
            _clipping(measured),
        ]
    )


def _vanishing(measured: Measured) -> str:
    parts = [
        f"at $\\rho$ = {one.radius:g} it is {number(one.factor, 3)}" for one in below_one(measured)
    ]
    held = all(one.factor < 1 for one in below_one(measured))
    slower = all(one.factor <= one.radius for one in below_one(measured))
    verdict = "as predicted" if held else "**only in part, against the prediction**"
    tail = (
        "always below $\\rho$ itself, because of the slope of the tanh"
        if slower
        else "and not always below $\\rho$: over a limited number of steps the eigenvectors, "
        "which are not orthogonal, can still increase the norm"
    )
    return (
        f"**Vanishing.** Below $\\rho = 1$ the simple network's derivative vanishes {verdict}: the "
        f"factor for one step back {', '.join(parts)}, {tail} ([@elman-factors])."
    )


def _exploding(measured: Measured) -> str:
    at_one = next(one for one in measured.scaled["Elman"] if one.radius == 1.0)
    above = [one for one in measured.scaled["Elman"] if one.radius > 1]
    tamed = [one for one in above if one.factor < 1]
    exploding = [one for one in above if one.factor > 1]
    kept = all(one.factor <= one.largest_singular for one in measured.scaled["Elman"])
    bound = f"The bound {'holds' if kept else 'does **not** hold'}; the simple rule does not"
    first = (
        f"At $\\rho = 1$, where linear theory predicts no change at all, the "
        f"factor is {number(at_one.factor, 3)}"
    )
    middle = (
        f"; at {_radii(tamed)}, where it predicts explosion, the derivative still vanishes. "
        f"{bound}: larger weights saturate the tanh, and its small slope offsets the growth "
        "from the matrix"
        if tamed
        else ""
    )
    last = (
        f". It explodes at {_radii(exploding)}, by a factor of {number(exploding[-1].factor, 3)} "
        f"a step at $\\rho$ = {exploding[-1].radius:g}, far less than the matrix alone would give"
        if exploding
        else ". It does not explode at any of the scales tried"
    )
    return f"**Exploding.** {first}{middle}{last} ([@elman-lags])."


def _radii(some: list[Scaled]) -> str:
    return "$\\rho$ = " + ", ".join(f"{one.radius:g}" for one in some)


def _gates(measured: Measured) -> str:
    ends = {name: heights[-1] for name, heights in measured.untouched.items()}
    told = ", ".join(f"{name} {number(end, 3)}" for name, end in ends.items())
    gated = {name: ends[name] for name in ("GRU", "LSTM")}
    helped = [name for name, end in gated.items() if end > 1e6 * ends["Elman"]]
    verdict = (
        f"As they are first drawn, the gates of {' and '.join(helped)} do keep far more than the "
        "simple network, and yet"
        if helped
        else "**Against the expectation**, gates as they are first drawn keep hardly more than "
        "the simple network:"
    )
    half = next(one for one in measured.forgetting if one.bias == 0)
    kept = [name for name, end in ends.items() if name not in gated and end > 1e-3]
    others = (
        f" {' and '.join(kept)} {'keeps' if len(kept) == 1 else 'keep'} it by construction: the "
        "state of one step is that of the step before plus a change."
        if kept
        else ""
    )
    return (
        f"**Gates.** After {measured.lags} steps back the norms are {told} ([@cells]). {verdict} "
        f"nearly everything is lost: with a bias of zero the LSTM's forget gate averages "
        f"{number(half.open, 2)}, so about that share is left at every step ([@forget]). What "
        "matters is that a gate can learn to open, or is open from the "
        f"start.{others}{_irnn(measured)}"
    )


def _irnn(measured: Measured) -> str:
    """Rectified units that are off pass nothing back; did whole sequences lose everything?"""
    if measured.untouched["IRNN"][-1] > 0:
        return ""
    top = measured.scaled["IRNN"][-1]
    return (
        " The IRNN's norm is exactly zero in half of the sequences or more: a unit that is off "
        "passes nothing back, so if every unit is off at some step, nothing gets through. "
        f"Where something does, no saturation limits it: at $\\rho$ = {top.radius:g} its factor is "
        f"{number(top.factor, 3)} ([@factors])."
    )


def _forgetting(measured: Measured) -> str:
    first, last = measured.forgetting[0], measured.forgetting[-1]
    more = sum(one.factor > one.open for one in measured.forgetting)
    most = max(one.factor / one.open - 1 for one in measured.forgetting)
    how = (
        f"In {more} of {len(measured.forgetting)} runs the factor is above the mean of $f$, by up "
        f"to {percent(most, 0)}: the path through $h$ and the "
        "other gates, which the short formula leaves out, adds to the derivative"
        if more
        else "The factor never exceeds the mean of $f$"
    )
    over = (
        f". With a bias of {last.bias:g} the factor even exceeds one ({number(last.factor, 3)}): "
        "an LSTM can explode, too"
        if last.factor > 1
        else ""
    )
    return (
        f"**The forget gate.** Opening it from {number(first.open, 2)} to {number(last.open, 2)} "
        f"takes the factor from {number(first.factor, 3)} to {number(last.factor, 3)} "
        f"([@forget]): that is why its bias is set to 1 or more at the start (Gers, Schmidhuber "
        f"& Cummins 2000; Jozefowicz et al. 2015). {how}{over}."
    )


def _clipping(measured: Measured) -> str:
    wild, clipped, slow = (final(r) for r in (measured.wild, measured.clipped, measured.slow))
    helped = clipped < 0.8 * wild
    spike = max(measured.wild.norms) / float(np.median(measured.wild.norms))
    verdict = (
        f"with clipping the same rate ends at {number(clipped, 3)} instead of {number(wild, 3)}"
        if helped
        else f"clipping did **not** help in this run: {number(clipped, 3)} against "
        f"{number(wild, 3)} without"
    )
    small = _smaller_rate(wild, clipped, slow)
    return (
        f"**Clipping.** Without it the norm of the gradient peaked at {number(spike, 2)} times its "
        f"median, and one such update moves the weights far away ([@runs]); {verdict}. {small}. "
        "Clipping shortens the whole gradient and keeps its direction: the contribution of the "
        "distant past stays as small as it was, so clipping cures only explosion."
    )


def _smaller_rate(wild: float, clipped: float, slow: float) -> str:
    """Whether a lower learning rate does what clipping does: three losses, one sentence."""
    rate = f"A learning rate five times smaller, without clipping, ends at {number(slow, 3)}"
    if slow >= 0.8 * wild:
        return f"{rate}: hardly better than the {number(wild, 3)} of the larger rate"
    if slow < 0.8 * clipped:
        return f"{rate}: it avoids the problem too, and does better than clipping here"
    if slow <= 1.25 * clipped:
        return f"{rate}: it avoids the problem as well as clipping does"
    return f"{rate}: better than the larger rate, but not as good as clipping"


def questions(measured: Measured) -> list[Question]:
    low, high = measured.scaled["Elman"][0], measured.scaled["Elman"][-1]
    opened = measured.forgetting[-1]
    return [
        Question(
            "How far back can the simple network learn when $\\rho(U)$ is 0.5?",
            f"With the factor {number(low.factor, 3)}, a thousandth of the derivative is left "
            f"after {_steps_to(low.factor, 1e-3)} steps: anything earlier has "
            "no noticeable effect on the weights.",
            ["elman-factors", "elman-lags"],
        ),
        Question(
            "Why does the derivative not grow by the spectral radius, when that is above one?",
            f"At $\\rho$ = {high.radius:g} it grows by {number(high.factor, 3)} a step. Each step "
            "back also multiplies by $1 - h_t^2$, and large weights make $h_t$ nearly 1 or -1. "
            "The product matters, not the matrix alone.",
            ["elman-factors", "elman-backward"],
        ),
        Question(
            "Is an LSTM safe from vanishing gradients?",
            f"No: at initialization it loses the derivative as well. But its forget gate can be "
            f"opened: with a bias of {opened.bias:g} the factor is "
            f"{number(opened.factor, 3)}.",
            ["cells", "forget"],
        ),
        Question(
            "Would clipping help a network that forgets?",
            "No. It multiplies the gradient as a whole by one number, so the ratio between lag 0 "
            "and any other lag is unchanged. It helps where the norm has spikes.",
            ["training", "runs"],
        ),
        Question(
            "How do I know that these derivatives are right?",
            "Each was compared with a finite difference: the loss was measured again after moving "
            "the state a little.",
            ["slopes"],
        ),
    ]


def _steps_to(factor: float, share: float) -> str:
    return str(int(np.ceil(np.log(share) / np.log(factor)))) if 0 < factor < 1 else "no number of"


def found(measured: Measured) -> list[str]:
    elman, at = measured.scaled["Elman"], measured.lags
    first, last = measured.forgetting[0], measured.forgetting[-1]
    return [
        f"Elman, spectral radius {elman[0].radius:g}: each step back multiplies the derivative by "
        f"{number(elman[0].factor, 3)}; at {elman[-1].radius:g} by {number(elman[-1].factor, 3)}",
        f"left after {at} steps, at initialization: "
        + ", ".join(f"{name} {number(h[-1], 3)}" for name, h in measured.untouched.items()),
        f"LSTM: forget gate opened from {number(first.open, 2)} to {number(last.open, 2)}, factor "
        f"from {number(first.factor, 3)} to {number(last.factor, 3)}",
        f"training at spectral radius {WILD:g}: loss {number(final(measured.wild), 3)} without "
        f"clipping, {number(final(measured.clipped), 3)} with",
    ]
