"""Classification on the command line. In: files of texts or series. Out: runs, classes, metrics."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from unrolled.cli.jobs.abreast import abreast
from unrolled.cli.jobs.answers import Wanted, beside_rows, say_answers
from unrolled.cli.jobs.continuing import add_from, forgotten, run_to_continue, say_forgotten
from unrolled.cli.jobs.figures import lines_of, per_class, shown
from unrolled.cli.jobs.job import CommandJob, Evaluation, say_notes
from unrolled.data import builtin, sources
from unrolled.data.labelled import Labelled, inputs_of, labels_of
from unrolled.data.labels import Answers, folded
from unrolled.data.notes import Notes
from unrolled.data.sources import refuse_columns_of_series
from unrolled.data.streaming import Batch, batch_of_lines
from unrolled.data.writing import write_table, writer_of
from unrolled.errors import DataError, UsageError
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.cross_validation import cross_validate
from unrolled.tasks.classify.encoders import TextEncoder
from unrolled.tasks.classify.reader import Reader
from unrolled.tasks.origin import read_origin
from unrolled.training.fabric import is_first_process
from unrolled.training.run_folder import RunFolder

SEPARATOR = "|"  # default separator of the labels of a row
OF_TEXTS = ("tokens", "longest", "vocabulary", "embedding")  # parameters
OF_FOLDS = {"accuracy": "Acc", "micro_f1": "F1", "macro_f1": "macro F1", "mae": "MAE", "r2": "R2"}
Found = tuple[Any, list[str]]  # of a batch: probabilities, and notes on its rows
SUFFIXES = (
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".parquet",
    ".xlsx",
    ".txt",
    ".npz",
    ".ts",
    ".gz",
    ".zst",
)


class ClassifyCommand(CommandJob):
    """`unrolled train classify`, and the commands that use its runs."""

    name = "classify"
    summary = "classify texts or numeric series, by one label or several"
    estimator = Classifier
    columns: ClassVar[Sequence[str]] = (
        "text",
        "label",
        "series",
        "time",
        "times",
        "test",
        "test_share",
        "folds",
        "fold_labels",
        "labels_separated_by",
        "from_run",
        "new_labels",
    )
    asked_with: ClassVar[Sequence[str]] = (
        "text", "label", "series", "time", "times", "labels_separated_by",
    )  # fmt: skip
    roles: ClassVar[tuple[str, ...]] = ("text", "label", "series", "time", "times")  # of columns

    def add_columns(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--text", metavar="COLUMN", help="column of the texts")
        self.add_answers(parser)
        parser.add_argument(
            "--series", metavar="COLUMN", help="column that identifies the series a row belongs to"
        )
        parser.add_argument("--time", metavar="COLUMN", help="column of the time of each row")
        parser.add_argument(
            "--times", metavar="COLUMN",
            help="like --time, for a cell that uses the time between rows: cfc, ltc, grud ...",
        )  # fmt: skip
        add_from(parser)
        self.add_test(parser)
        parser.add_argument("--folds", type=int, metavar="K", help="K-fold cross-validation first")

    def add_answers(self, parser: argparse._ActionsContainer) -> None:
        """The options for the column of the labels."""
        parser.add_argument("--label", metavar="COLUMN", help="column of the labels")
        parser.add_argument(
            "--labels-separated-by", metavar="SEP",
            help="separator of labels, such as '|', if a row can have any number of labels",
        )  # fmt: skip
        parser.add_argument(
            "--fold-labels", action="store_true", default=None,
            help="treat labels that differ only in case or spaces as one class",
        )  # fmt: skip
        parser.add_argument(
            "--new-labels", action="store_true", default=None,
            help="with --from: labels that are new to the run become classes, too",
        )  # fmt: skip
        parser.add_argument("--target", help=argparse.SUPPRESS)  # of `regress`; an error says so

    def how(self, arguments: argparse.Namespace) -> dict[str, Any]:
        if self.name == "classify" and arguments.target is not None:
            raise UsageError(
                f"--target {arguments.target} names a column of numbers, and `classify` predicts "
                "classes: use `unrolled train regress` for numbers"
            )
        if getattr(arguments, "new_labels", None) and not arguments.from_run:
            raise UsageError("--new-labels requires --from RUN: a new run learns all labels")
        return super().how(arguments)

    def answers_of(self, how: dict[str, Any]) -> Answers:
        """How the column of the targets is read."""
        separator = how.get("labels_separated_by")
        if separator is not None and not separator.strip():
            raise UsageError(
                "--labels-separated-by must be a separator of labels such as '|', and must not be"
                " blank"
            )
        return Answers(fold=bool(how.get("fold_labels")), separator=separator)

    def make(self, given: dict[str, Any], **more: Any) -> Classifier:
        """The estimator, with a baseline for the report."""
        made: Classifier = super().make({"baseline": True, **given}, **more)
        return made

    def fit(
        self,
        estimator: Classifier,
        how: dict[str, Any],
        command: str,
        resume: bool,
        asked: Sequence[str] = (),
    ) -> None:
        data = self.read(how, estimator.seed)
        idle = [name for name in OF_TEXTS if name in asked and not data.is_text]
        if idle:
            raise UsageError(
                f"--{idle[0]} says how texts are read, and {how['source']} holds series: leave it "
                "out"
            )
        if how.get("times"):
            estimator.timed = True
        X, y = inputs_of(data.train), labels_of(data.train, data.answers)
        if data.answers.numbers:
            y = pl.Series(how.get("target"), y)  # named for the report
        test = None
        if data.test is not None:
            test = inputs_of(data.test), labels_of(data.test, data.answers)
        values = [*X, *(data.train.labels or ()), *self.of_test(data)]
        notes = list(Notes([*data.train.notes, *(data.test.notes if data.test else [])]))
        table = self.origin_of(estimator, how, command, values, notes, resume)
        if "from_run" in how:
            before = run_to_continue(how["from_run"], self.name, self.estimator)
            estimator.start_from(before, bool(how.get("new_labels")))
        if how.get("folds") is not None and not resume:
            say_folds(cross_validate(estimator, X, y, how["folds"]), estimator.progress == "json")
        names = (data.train.rows, data.test.rows if data.test is not None else [])
        estimator.fit(X, y, test, data=table, names=names, resume=resume)
        if estimator.before is not None and is_first_process():
            lost = forgotten(estimator.before, estimator, self.judged_rows)
            say_forgotten(lost, estimator.progress)

    @staticmethod
    def of_test(data: Labelled) -> list[Any]:
        """The data of the test set that go into a checksum."""
        return [] if data.test is None else [*inputs_of(data.test), *(data.test.labels or ())]

    def judged_rows(self, how: dict[str, Any], seed: int) -> tuple[Any, Any]:
        """The test set of a run, or its training data if it has none."""
        data = self.read(how, seed)
        judged = data.train if data.test is None else data.test
        return inputs_of(judged), labels_of(judged, data.answers)

    def read(self, how: dict[str, Any], seed: int) -> Labelled:
        """The data, with a test set of their own or one held out."""
        self.refuse_two_tests(how)
        columns: dict[str, Any] = {as_label(name): how.get(name) for name in self.roles}
        data = sources.labelled(
            how["source"], **columns, test=how.get("test"), answers=self.answers_of(how)
        )
        share = how.get("test_share")
        if share is not None and data.test is not None:
            raise UsageError(f"{how['source']} has its own test set: leave --test-share out")
        if share == 0:
            return data
        return data.split(self.share_of(how), seed)

    def evaluate(self, run: RunFolder, source: str, given: dict[str, Any]) -> Evaluation:
        model = self.estimator.load(run.path)
        columns = {as_label(k): v for k, v in self.columns_of(run, source, given).items()}
        before = read_origin(run.config(), run.path)
        separator = self.separator_of(model, before, given)
        answers = self.answers_of({"labels_separated_by": separator})
        found = sources.labelled(source, **columns, learning=False, answers=answers)
        data = found.train
        say_notes(data.notes)
        folds = bool(before.get("fold_labels"))
        labels = self.labels_like(model, labels_of(data, answers), folds)
        return self.figures_of(model, model.evaluate(inputs_of(data), labels))

    @staticmethod
    def figures_of(model: Any, figures: dict[str, Any]) -> Evaluation:
        """The metrics as they are printed."""
        if model.several:
            return figures, lines_of(figures)
        confusion = figures.pop("confusion")
        names = [str(name) for name in model.classes_]
        classes = {"classes": names, "per_class": per_class(names, confusion)}
        found = {**figures, **classes, "confusion": confusion.tolist()}
        return found, lines_of(found)

    @staticmethod
    def separator_of(model: Any, before: dict[str, Any], given: dict[str, Any]) -> str | None:
        """The separator of the labels of a row: the given one, or that of training."""
        separator = given.get("labels_separated_by")
        if not model.several:
            if separator is not None:
                raise UsageError(
                    "--labels-separated-by is for runs with several labels per row, and this "
                    "run has one: leave it out"
                )
            return None
        return separator or before.get("labels_separated_by") or SEPARATOR

    def predict(self, run: RunFolder, arguments: argparse.Namespace) -> None:
        model = self.estimator.load(run.path)
        answers_to, is_plain = self.answering(model, run, arguments)
        if arguments.out:
            writer_of(arguments.out)
        notes = Notes()
        told = abreast(
            lambda batch: chances_of(model, batch), self.asked(model, run, arguments, notes)
        )
        answered = ((batch, answers_to(batch, found, notes)) for batch, found in told)
        if arguments.out:
            write_table(arguments.out, beside_rows(answered, arguments.keep, notes))
        else:
            say_answers(answered, is_plain)
        say_notes(notes)

    def answering(
        self, model: Any, run: RunFolder, arguments: argparse.Namespace
    ) -> tuple[Callable[[Batch, Found, Notes], pl.DataFrame], bool]:
        """The function that computes the requested columns, and whether that is only the label."""
        before = read_origin(run.config(), run.path)
        separator = self.separator_of(model, before, vars(arguments))
        wanted = Wanted.of(arguments, [str(name) for name in model.classes_], separator)
        return partial(answers_to, model, wanted), wanted.is_plain

    def asked(
        self, model: Classifier, run: RunFolder, arguments: argparse.Namespace, notes: Notes
    ) -> Iterator[Batch]:
        """The input, batch by batch."""
        source = arguments.source
        if model.encoder_.is_text and is_one_text(source):
            self.refuse_columns_of_one(vars(arguments))
            yield batch_of_lines([source], [1])
            return
        if model.encoder_.canvas is not None:
            yield from sources.unlabelled_clips(source, notes)
            return
        columns = self.columns_of(run, source, vars(arguments))
        if model.encoder_.is_text:
            of_series = {name: columns[name] for name in ("series", "time", "times")}
            refuse_columns_of_series(source, **of_series)
            yield from sources.unlabelled_texts(source, columns["text"], notes)
            return
        yield sources.unlabelled_series(source, notes, **columns)

    def columns_of(self, run: RunFolder, source: str, given: dict[str, Any]) -> dict[str, Any]:
        """The given columns, or else those used in training, if the source has columns."""
        before = read_origin(run.config(), run.path) if sources.has_columns(source) else {}
        return {name: given.get(name) or before.get(name) for name in self.roles}

    def refuse_columns_of_one(self, given: dict[str, Any]) -> None:
        named = [name for name in self.roles if given.get(name)]
        if named:
            raise UsageError(
                f"--{named[0]} names a column of a file, and the source is a text: leave it "
                "out, or name an existing file"
            )

    @staticmethod
    def labels_like(model: Any, labels: Any, folds: bool = False) -> Any:
        """Convert labels of a file, which are text, to those of a model, which may be numbers."""
        by_text = {str(name): name for name in model.classes_.tolist()}
        if folds:
            by_text = {folded(str(name)): name for name in model.classes_.tolist()} | by_text

        def known(label: str) -> Any:
            return by_text.get(label, by_text.get(folded(label), label) if folds else label)

        if model.several:
            return [[known(label) for label in row] for row in labels]
        return [known(label) for label in labels]


def as_label(role: str) -> str:
    """The role of a column in the readers: text, label or step."""
    return "label" if role == "target" else role


def is_one_text(source: str) -> bool:
    """Whether the argument is a text to classify, not the name of a file."""
    if builtin.is_builtin(source) or "\n" in source:
        return "\n" in source
    if len(source) < 200 and Path(source).exists():
        return False
    looks_like_a_file = source.lower().endswith(SUFFIXES) and " " not in source.strip()
    if looks_like_a_file or ("/" in source and " " not in source):
        raise DataError(f"there is no file {source!r} (put a text in quotation marks)")
    return True


def answers_to(
    model: Classifier, wanted: Wanted, batch: Batch, found: Found, notes: Notes
) -> pl.DataFrame:
    """The requested columns, with a line for each row that has input."""
    chances, said = found
    for note in said:
        notes.say(note)
    counted: list[str] = []
    if wanted.explain and batch.rows:
        counted = explained(model, batch, chances.argmax(1), notes)
    return wanted.columns(chances, notes, counted)


def explained(model: Reader, batch: Batch, said: Any, notes: Notes) -> list[str]:
    """The steps that contributed most to the prediction of each row."""
    if model.model_.linear is not None:
        notes.say("contributions are those of the networks; the linear model has no steps")
    return model.explain(batch.texts, said)


def chances_of(model: Reader, batch: Batch) -> Found:
    """Probabilities or numbers for the rows that have input, and notes."""
    if not batch.rows:
        return np.zeros((0, len(model.names))), []
    encoder = model.encoder_
    cut = (
        f"texts of more than {encoder.longest:,} tokens were truncated"
        if isinstance(encoder, TextEncoder)
        else ""
    )
    said: list[str] = []
    return model.answers(batch.texts, lambda note: said.append(cut or note)), said


def say_folds(figures: list[dict[str, Any]], as_json: bool) -> None:
    """Print the metrics of each fold, and their mean."""
    titles = [(name, title) for name, title in OF_FOLDS.items() if name in figures[0]][:2]
    for number, one in enumerate(figures, 1):
        if as_json:
            plain = {k: v.tolist() if k == "confusion" else v for k, v in one.items()}
            print(json.dumps({"event": "fold", "fold": number, **plain}), flush=True)
            continue
        said = ", ".join(f"Test {title}: {shown(name, one[name])}" for name, title in titles)
        print(f"Fold [{number}/{len(figures)}], {said} ({one['rows']:,} rows)", flush=True)
    if as_json:
        return
    name, title = titles[0]
    mean = sum(one[name] for one in figures) / len(figures)
    print(f"All {len(figures)} folds, Test {title}: {shown(name, mean)} (mean)", flush=True)
