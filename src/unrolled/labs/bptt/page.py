"""The page of lab `bptt`. In: the worked step, the trained network. Out: the sections of a page."""

from __future__ import annotations

import numpy as np

from unrolled.cells import Elman
from unrolled.cells.base import equation
from unrolled.labs.bptt.adding import CLIP, LONGER, Learned, picture_blocks, task_blocks
from unrolled.labs.bptt.worked import Worked, worked_blocks
from unrolled.report.blocks import Code, Math, Prose, Question, Section, code_of
from unrolled.report.numbers import percent
from unrolled.textbook import clip_by_norm, elman, update


def sections(worked: Worked, learned: Learned, errors: dict[str, float]) -> list[Section]:
    """The page, from the aim to the answers."""
    return [
        Section("Aim", [Prose(AIM)]),
        Section("Theory", _theory()),
        Section("The algorithm, by hand", worked_blocks(worked)),
        Section("Code to read", _code()),
        Section("A real task: adding binary numbers", task_blocks(learned, errors)),
        Section("Results", picture_blocks(learned)),
        Section("Discussion", [Prose(_discussion(worked, learned, errors))]),
        Section("Questions and answers", _questions(worked, learned, errors)),
    ]


def found(worked: Worked, learned: Learned, error: float) -> list[str]:
    history = learned.history
    return [
        f"by hand: the loss falls from {worked.exact.loss:.4f} to {worked.loss_after:.4f} in one "
        f"step; pencil and computer differ by at most {worked.farthest:.1e} in any gradient",
        f"adding: the loss fell from {history.loss[0]:.3f} to {history.loss[-1]:.4f}; "
        f"{history.stopped}",
        *(
            f"{name}: {percent(bits)} of the bits are correct, {percent(sums)} of the sums"
            for name, (_, bits, sums) in learned.shares.items()
        ),
        f"the gradient check: largest relative error {error:.1e}",
    ]


AIM = """
Build a recurrent network from scratch and see every number of its training. First, work out one
training step of the smallest possible network by hand: three time steps, one unit. Then run the
same code, unchanged, on a task that no network without memory can solve: adding two binary numbers
bit by bit, where the carry must be remembered from one bit to the next.
"""


def _theory() -> list[Prose | Math]:
    forward_step, backward_step = equation(Elman), equation(Elman).backward
    return [
        Prose(
            "At each time step the network computes a new state $h_{t}$ from the input $x_{t}$ and "
            "the previous state, with the same weights $W$, $U$ and $b$ at every step:"
        ),
        Math(forward_step.latex, "forward", "one time step, as unrolled prints it"),
        Math(r"y_{t} = V h_{t} + c, \qquad L = \sum_{t} L_{t}", "output", "output and loss"),
        Prose(
            r"The chain rule gives the derivative of the loss with respect to each weight. Let "
            r"$\delta h_{t}$ be the derivative with respect to $h_{t}$. The state $h_{t}$ affects "
            r"the loss in two ways: through the output of its own step, and through the next "
            r"state. So the computation starts at the last step and goes backward:"
        ),
        Math(
            r"\delta h_{t} = {V}^{\top} \delta y_{t} + {U}^{\top} \delta \mathrm{net}_{h,t+1}",
            "two-ways",
            "the derivative that reaches a state: from its own output, and from the next step",
        ),
        Math(
            backward_step.latex, "backward",
            "the backward step, derived by unrolled from [@forward]",
        ),
        Prose(
            "The weights are the same at every step, so the derivatives of all steps are summed. "
            "That is what “through time” means."
        ),
    ]  # fmt: skip


def _code() -> list[Prose | Code]:
    return [
        Prose(
            "The whole network is one file of NumPy, `unrolled.textbook.elman`: initialize, "
            "forward, loss, backward, clip, update. One time step, as it ran on this page:"
        ),
        code_of(elman.initialize, "the initial weights"),
        code_of(elman.cell_forward, "one step forward, with its cache"),
        code_of(elman.cell_backward, "one step backward"),
        Prose("The whole sequence, forward and backward, and the two losses:"),
        code_of(elman.forward, "forward through time"),
        code_of(elman.cross_entropy),
        code_of(elman.squared_error),
        code_of(elman.backward, "backward through time: gradients start from zero and are summed"),
        Prose("And one training step:"),
        code_of(update, "forward, loss, backward, clip, update"),
        code_of(clip_by_norm),
    ]


def _discussion(worked: Worked, learned: Learned, errors: dict[str, float]) -> str:
    history, whole = learned.history, learned.whole_sums
    bits = len(learned.seen.targets)
    exact = (
        f"On numbers {LONGER} times as long as in training, {percent(whole)} of the sums are "
        f"correct in every bit ([@results]): it has learned the rule, not the examples."
    )
    inexact = (
        f"On numbers {LONGER} times as long, only {percent(whole)} of the sums are correct in "
        "every bit ([@results]), so **the rule was not learned exactly** in this run: more "
        "epochs or another seed may find it."
    )
    carry = carry_words(learned.remembers, learned.new_bits, *learned.carry_unit)
    fell = worked.loss_after < worked.exact.loss
    return f"""
The gradients computed by pencil and by computer differ by at most {worked.farthest:.1e}, as
expected from rounding to four decimals ([@agreement]).
The step {"lowered" if fell else "did **not** lower"} the loss, from {worked.exact.loss:.4f} to
{worked.loss_after:.4f}.

In the real task the loss went from {history.loss[0] / bits:.3f} to {history.loss[-1] / bits:.4f}
nats per bit; guessing has {np.log(2):.3f} ([@loss]). {exact if whole > 0.99 else inexact}

{carry}

Every gradient agrees with finite differences of the loss: the largest relative error is
{max(errors.values()):.1e} ([@weights]).
"""


def carry_words(remembers: bool, new_bits: float, unit: int, strength: float) -> str:
    """A sentence about the carry; if the network has not learned to add, it says so."""
    if not remembers:
        return (
            f"Only {percent(new_bits)} of the bits of new sums are correct, so this network has "
            "**not** learned to carry, and its states are not interpreted ([@states])."
        )
    if abs(strength) > 0.9:
        return f"Unit {unit} alone follows the carry (correlation {strength:.2f}, [@states])."
    return (
        f"No single unit represents the carry. The closest, unit {unit}, has a correlation of "
        f"{strength:.2f} with it ([@states]): it is spread over several units."
    )


def _questions(worked: Worked, learned: Learned, errors: dict[str, float]) -> list[Question]:
    return [*_about_networks(learned), *_about_gradients(worked, learned, errors)]


def _about_networks(learned: Learned) -> list[Question]:
    wiped = learned.without_state
    return [
        Question(
            "What is an RNN, and how does it differ from a feed-forward network?",
            "A feed-forward network maps one input to one output. A recurrent network reads a "
            "sequence: it applies the same $W$, $U$ and $b$ at every step, and passes a state from "
            f"step to step ([@forward]). So the same {learned.network_size} weights add numbers of "
            f"{len(learned.seen.targets)} and of {len(learned.longer.targets)} bits.",
            ("forward", "weights", "results"),
        ),
        Question(
            "What is the hidden state for?",
            "It is all that the network knows about earlier steps. If the state is set to zero "
            f"before every step, {percent(wiped)} of the bits of the longest sums are correct; "
            f"otherwise {percent(list(learned.shares.values())[-1][1])}.",
            ("results", "states"),
        ),
    ]


def _about_gradients(worked: Worked, learned: Learned, errors: dict[str, float]) -> list[Question]:
    history = learned.history
    peak = int(np.argmax(history.gradient_norm))
    parts = [line.row[2] for line in worked.lines["backward"] if "W^" in line.row[0]][::-1]
    return [
        Question(
            "Why are the derivatives of all time steps added up?",
            "Because the same $W$ is used at every step, and each use of it affects the loss. In "
            f"the example by hand the contributions of the three steps are {', '.join(parts)}; "
            "their sum is the slope of the loss.",
            ("hand-backward", "hand-sums", "agreement"),
        ),
        Question(
            "Why does the backward pass begin at the last step?",
            r"$\delta h_{t}$ depends on step $t + 1$. The last step has no step after it, so it "
            r"can be computed first.",
            ("hand-backward",),
        ),
        Question(
            "What is clipping for?",
            f"In epoch {peak + 1} the norm of the gradient was {max(history.gradient_norm):.2g}. "
            f"In {history.clipped} of {len(history.updates)} updates it was larger than {CLIP:g} "
            "and was clipped. Without clipping, a single such step can throw the weights far off.",
            ("loss",),
        ),
        Question(
            "How do you know that the gradients are right?",
            "Each weight was increased and decreased by a small amount, and the change of the loss "
            f"was compared with the gradient. The largest relative error is "
            f"{max(errors.values()):.1e}.",
            ("weights", "agreement"),
        ),
        Question(
            "Could a network without memory do this?",
            "No: the same two bits give a sum of 0 or 1, depending on the carry. Without a carry, "
            f"{percent(learned.without_carry, 1)} of the bits of the longest sums are correct; "
            f"with this network, {percent(learned.new_bits, 1)} of the bits of new sums"
            + ("." if learned.remembers else ": it has **not** learned to carry in this run."),
            ("results", "states"),
        ),
    ]
