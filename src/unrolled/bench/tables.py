"""Records as tables. In: records. Out: `Table`, as text for a terminal or as Markdown; next: `cli`,
`docs`. A time is a median with half its range; a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from unrolled.bench import suites
from unrolled.bench.contestant import OURS
from unrolled.bench.goals import Figure, share_of_rate
from unrolled.bench.record import Record
from unrolled.bench.suites.rate import YARDSTICK

LOADED = 0.1  # share of the cores that others used, from which on a row is marked
OF = {"least": "at least", "most": "at most", "mean": "geometric mean"}
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


@dataclass
class Table:
    """A heading, rows of words, and what else there is to say."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def tables(records: Iterable[Record], figures: Sequence[Figure] = ()) -> list[Table]:
    """One for each suite, in the order in which they were measured, and one of the goals."""
    by_suite: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_suite.setdefault((record.suite, record.unit), []).append(record)
    made = [of_suite(suite, group) for (suite, _), group in by_suite.items()]
    return [*made, of_goals(figures)] if figures else made


def of_suite(suite: str, records: Sequence[Record]) -> Table:
    names = list(dict.fromkeys(name for record in records for name in record.samples))
    names.sort(key=lambda name: name != OURS)  # ours first
    is_compared = OURS in names and suite != "jobs"  # whose figures are not times
    others = [name for name in names if name != OURS] if is_compared else []
    show = _rate if suite == "rate" else _amount
    header = ["cell", "shape", *names]
    header += [_ratio_heading(suite, name) for name in others]
    rows = []
    for record in records:
        work = f" {record.facts['work']}" if "work" in record.facts else ""
        row = [record.cell + work + (" *" if (record.others or 0) > LOADED else "")]
        row.append(str(record.shape) if record.shape else "")
        row += [show(record, name) if name in record.samples else "" for name in names]
        row += [_ratio(suite, record, name) for name in others]
        rows.append(row)
    if not any(row[1] for row in rows):  # no shapes here
        header, rows = header[:1] + header[2:], [row[:1] + row[2:] for row in rows]
    return Table(f"{suite}: {suites.title(suite)}", header, rows, _notes(records))


def of_goals(figures: Sequence[Figure]) -> Table:
    rows = []
    for figure in figures:
        goal = figure.goal
        unit = "" if goal.unit == "x" else f" {goal.unit}"
        rows.append([
            goal.suite, goal.what, OF[goal.of], f"{goal.bound:g}{unit}",
            f"{figure.value:.3g}{unit}", "" if goal.reached(figure.value) else "short of it",
        ])  # fmt: skip
    return Table("goals", ["suite", "what", "", "goal", "found", ""], rows)


def _amount(record: Record, name: str) -> str:
    """0.51 ms ±3 %."""
    middle = record.median(name)
    low, high = record.spread(name)
    if record.unit != "s":
        digits = ".1f" if record.unit == "MiB" else ".4g"
        return f"{middle:{digits}} {record.unit}"
    scale, unit = next((u for u in UNITS if middle >= u[0]), UNITS[-1])
    spread = f" ±{50 * (high - low) / middle:.0f} %" if middle else ""
    return f"{middle / scale:.3g} {unit}{spread}"


def _rate(record: Record, name: str) -> str:
    return f"{record.facts['products'][name] / record.median(name) / 1e9:.0f} GFLOP/s"


def _ratio_heading(suite: str, name: str) -> str:
    return f"of {name}" if suite == "rate" and name == YARDSTICK else f"{name} /"


def _ratio(suite: str, record: Record, name: str) -> str:
    if name not in record.samples or OURS not in record.samples:
        return ""
    if suite == "rate" and name == YARDSTICK:
        return f"{100 * (share_of_rate(record) or 0):.0f} %"
    return f"{record.ratio(name):.2f}"


def _notes(records: Sequence[Record]) -> list[str]:
    notes = [f"NO PARITY: {r.disagreement}" for r in records if r.disagreement]
    reasons = {f"{peer} left out: {why}" for r in records for peer, why in r.left_out.items()}
    notes += sorted(reasons)
    if any((record.others or 0) > LOADED for record in records):
        share = max(record.others or 0 for record in records)
        notes.append(f"* other processes used up to {share:.0%} of the cores meanwhile")
    parity = [value for record in records for value in record.parity.values()]
    if parity:
        notes.append(f"largest relative difference between contestants: {max(parity):.1e}")
    notes += [*_of_peak(records), *_of_reading(records)]
    for record in records:
        if "spent" in record.facts:
            shares = ", ".join(
                f"{what} {share:.0%}" for what, share in record.facts["spent"].items()
            )
            notes.append(f"of an epoch of unrolled's ({record.cell}): {shares}")
        if "seconds to compile" in record.facts:
            seconds = record.facts["seconds to compile"]
            notes.append(f"{record.cell} {record.shape}: torch.compile took {seconds} s")
    return notes


def _of_peak(records: Sequence[Record]) -> list[str]:
    """Rates as shares of the processor's peak, where that was measured in the same run."""
    notes: list[str] = []
    for record in records:
        limits = record.facts.get("peak", {}) if record.samples else {}
        if not notes and limits:
            notes = [f"peak of {kind}, multiply-adds on registers: {limit / 1e9:.0f} GFLOP/s"
                     for kind, limit in limits.items()]  # fmt: skip
            if "bfloat16" not in limits:
                notes.append("no bfloat16 instruction here: shares are of the peak of float32")
        shares = []
        for name in record.samples if limits else ():
            kind = "float32" if name.endswith(" float32") else "bfloat16"
            rate = record.facts["products"][name] / record.median(name)
            share = rate / limits.get(kind, limits["float32"])
            shares.append(f"{name} {rate / 1e9:.0f} ({share:.0%})")
        if shares:
            what = f"{record.cell} {record.facts['work']} {record.shape}"
            notes.append(f"{what}, GFLOP/s and share of the peak: {', '.join(shares)}")
    return notes


def _of_reading(records: Sequence[Record]) -> list[str]:
    """What a step of a stream reads of weights."""
    notes = []
    for record in records:
        each = record.facts.get("bytes per step", {}).items()
        read = ", ".join(f"{name} {number / 1024:,.0f} KiB" for name, number in each)
        if read:
            notes.append(f"weights that a step reads ({record.cell} {record.shape}): {read}")
    return notes


def as_text(table: Table) -> str:
    """For a terminal: columns aligned, numbers to the right."""
    lines = [table.header, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.header))]
    left = 3 if table.title == "goals" else 2
    adjust: list[Callable[[str, int], str]] = [
        str.ljust if column < left else str.rjust for column in range(len(widths))
    ]
    shown = [
        "  ".join(fit(word, width) for fit, word, width in zip(adjust, line, widths, strict=True))
        for line in lines
    ]
    return "\n".join([table.title, *(f"  {line}".rstrip() for line in shown),
                      *(f"  ({note})" for note in table.notes)])  # fmt: skip


def as_markdown(table: Table) -> str:
    """For a page."""
    left = 3 if table.title == "goals" else 2
    rule = ["---" if column < left else "---:" for column in range(len(table.header))]
    rows = ["| " + " | ".join(line) + " |" for line in (table.header, rule, *table.rows)]
    notes = "\n".join("- " + note.replace("* other", r"\* other") for note in table.notes)
    return "\n".join([f"### {table.title}", "", *rows, "", *([notes, ""] if notes else [])])
