"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

from unrolled.labs.speech.by_hand import WORD, Worked
from unrolled.labs.speech.measuring import Measured
from unrolled.report.blocks import Question
from unrolled.report.numbers import number

SAME = 1e-9  # of two sums of the same numbers
CLEAR = 1.0  # percentage points of letter errors: less is noise between seeds
SPIKY = 0.5  # the share of frames with the blank, above which letters are spikes


def found(worked: Worked, measured: Measured) -> list[str]:
    return [
        f"by hand: {len(worked.paths)} of {worked.written_down} paths spell “{WORD}”; they sum to "
        f"{number(worked.total, 4)}, the forward algorithm gives {number(worked.forward, 4)}",
        *(
            f"trained with {_named(kind)}: {number(one.errors[-1], 3)} % of the letters wrong"
            for kind, one in measured.networks.items()
        ),
    ]


def _named(kind: str) -> str:
    return kind if kind == "CTC" else f"an {kind}"


def discussion(worked: Worked, measured: Measured) -> str:
    return "\n\n".join([_sums(worked), _errors(measured), _spikes(measured)])


def _sums(worked: Worked) -> str:
    same = max(abs(worked.forward - worked.total), abs(worked.by_torch - worked.total)) < SAME
    agree = (
        f"all give {number(worked.total, 4)}"
        if same
        else f"do **not** agree: {worked.total}, {worked.forward} and {worked.by_torch}"
    )
    return (
        f"**By hand.** The sum over the paths ([@paths]), the forward algorithm ([@alpha]) and "
        f"PyTorch's `ctc_loss` {agree}. The derivative computed from the shares of the paths "
        f"differs from finite differences by at most {worked.largest_error:.0e} ([@gradient])."
    )


def _errors(measured: Measured) -> str:
    even, ctc = (measured.networks[kind].errors[-1] for kind in ("even split", "CTC"))
    if ctc < even - CLEAR:
        return (
            f"**CTC spells better**, as predicted: {number(ctc, 3)} % of the letters are wrong, "
            f"instead of {number(even, 3)} % with the even split ([@numbers], [@curves])."
        )
    return (
        f"**CTC does not spell better here**, against the prediction: {number(ctc, 3)} % of the "
        f"letters are wrong, {number(even, 3)} % with the even split ([@numbers]). Early in "
        "training CTC often outputs only blanks; more updates may help."
    )


def _spikes(measured: Measured) -> str:
    share = measured.networks["CTC"].blanks
    if share > SPIKY:
        return (
            f"**Letters are spikes**, as predicted: at {share:.0%} of the frames the blank is most "
            "probable for the network with CTC ([@spelled]). One frame is enough for a letter."
        )
    return (
        f"**Letters are not spikes here**, against the prediction: the blank is most probable at "
        f"only {share:.0%} of the frames for the network with CTC ([@spelled])."
    )


def questions(worked: Worked, measured: Measured) -> list[Question]:
    best, chance = worked.paths[0]
    return [
        Question(
            "Why is the blank needed?",
            f"Because “{WORD}” has a double letter. Every path in [@paths] has a blank between the "
            "two; otherwise they would be merged into one, and the word would be “to”.",
            ("paths",),
        ),
        Question(
            "Does only the most probable path count?",
            f"No: the best path here, `{best}`, contributes {number(chance, 3)} to the "
            f"probability of the word, {number(worked.total, 3)}. A word with many moderately "
            "probable paths can be more probable than the word of the best path. That is why "
            "decoders search with a beam over prefixes.",
            ("paths",),
        ),
        Question(
            "What does the forward algorithm save?",
            f"Listing {worked.written_down} paths. Its table has only {worked.table.shape[0]} × "
            f"{worked.table.shape[1]} numbers. Its size grows with the length of the word times "
            "that of the sound; the number of paths grows exponentially.",
            ("alpha",),
        ),
        Question(
            "Can CTC tell when a letter was spoken?",
            "Only roughly, since the loss does not depend on it. Any frame of the letter will do, "
            "and the network chooses those where it is most certain ([@spelled]).",
            ("spelled",),
        ),
        Question(
            "What does CTC assume?",
            "That the symbols of different steps are independent given the sound (the product in "
            "the sum), and that letters appear in the order in which they are spoken. So it knows "
            "nothing about spelling; a language model can be added to the search.",
            ("sum",),
        ),
    ]
