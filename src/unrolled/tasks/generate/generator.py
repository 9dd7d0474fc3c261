"""Continues texts. In: a long text. Out: a language model that generates text; next: `cli`.

    model = Generator(cell="lstm", hidden=256).fit(text)
    print(model.generate_text("To be", 200, temperature=0.8, seed=1))

Pieces from all over the training text (whole documents, if there are many) form the validation set,
which determines the weights that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import torch

from unrolled.cells.choosing import ChosenCell
from unrolled.data.corpus import Corpus
from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported, Options
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.generate.exporting import export_generator
from unrolled.tasks.generate.job import LanguageJob, TokenStream
from unrolled.tasks.generate.live_page import live_part
from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.generate.page import Findings, page_of
from unrolled.tasks.generate.sampling import Sampling
from unrolled.tasks.generate.stream import TextStream
from unrolled.tasks.generate.streams import as_corpus, hold_out_pieces, tokens_in_file
from unrolled.tasks.live import alive
from unrolled.tasks.options import option
from unrolled.tasks.tokens import SPECIAL, Tokens, sayable
from unrolled.training import settings as checks
from unrolled.training.fabric import start_fabric
from unrolled.training.job import Share
from unrolled.training.loop import evaluate
from unrolled.training.optimizers import OPTIMIZERS
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES

TOKENS_OFFERED = ("char", "bpe")
BYTES = 4  # maximum length of a character in UTF-8
PROMPT, SAMPLE, WARMTHS = 20, 300, (0.5, 0.8, 1.0)  # of the samples in the report
LEAST = 2  # tokens: one as input, one to predict


@dataclass(kw_only=True, eq=False, repr=False)
class Generator(Estimator):
    """A recurrent language model of characters or BPE tokens."""

    TASK: ClassVar[str] = "generate"

    hidden: int = option(256, "units in each layer", int)
    dropout: float = option(0.1, "dropout probability", float)
    optimizer: str = option("muon", "optimization algorithm", choices=OPTIMIZERS)
    lr: float = option(0.006, "learning rate", float)
    schedule: str = option("warmup", "learning rate schedule", choices=tuple(SCHEDULES))
    epochs: int = option(10, "maximum number of epochs", int)
    embedding: int = option(64, "size of the embedding", int)
    tokens: str = option("char", "tokens of the text", choices=TOKENS_OFFERED)
    vocabulary: int = option(1_000, "maximum size of the vocabulary", int)
    window: int = option(64, "tokens of truncated backpropagation", int)
    tied: bool = option(False, "tie the input and output embeddings", bool)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("embedding", "vocabulary", "window"):
            checks.count(name, getattr(self, name))
        checks.one_of("tokens", self.tokens, TOKENS_OFFERED)
        return cell

    # -------------------------------------------------------------------------------- learning

    def start_from(self, before: Generator) -> None:
        """Let the next `fit` continue from the weights and vocabulary of a fitted generator."""
        self._before = before

    @property
    def before(self) -> Any:
        """The generator whose weights training starts from; None: new weights."""
        return getattr(self, "_before", None)

    def fit(
        self,
        X: Any,
        y: None = None,
        test: Any = None,
        *,
        data: dict[str, Any] | None = None,
        resume: bool = False,
    ) -> Generator:
        """Fit the model to a text, or to a list or column of texts, each of which is a document.

        `data` describes their origin for the run.
        """
        self.begin(data, resume)
        corpus, other = as_corpus(X), None if test is None else as_corpus(test)
        with TemporaryDirectory(prefix="unrolled-", ignore_cleanup_errors=True) as folder:
            parts = self._parts(corpus, other, Path(folder))
            model = self._build()
            if self.before is not None:
                model.load_state_dict(self.before.model_.state_dict())
            job = LanguageJob(model, parts, self.batch_size, self.window, self.seed)
            config = self.learn(job, data, resume)
            self.write_report(lambda: page_of(self._findings(config, parts)))
        return self

    def _parts(self, corpus: Corpus, test: Corpus | None, folder: Path) -> dict[str, TokenStream]:
        """Hold out the validation part, build the vocabulary from the rest, encode everything."""
        for text in (corpus, test):
            if text is not None and not any(text.blocks()):
                raise ArgumentError("the text is empty: use at least a few hundred characters")
        learned, held = hold_out_pieces(corpus, self.validation, self.seed)
        if self.before is not None:
            self.tokens_ = self.before.tokens_
        else:
            self.tokens_ = Tokens.fit(self.tokens, learned.blocks(), self.vocabulary)
        texts = {"train": learned, "validation": held, "test": test}
        parts = {
            part: self._stream(text, folder / f"{part}.tokens")
            for part, text in texts.items()
            if text is not None
        }
        if len(parts["train"]) < self.window + LEAST:
            raise ArgumentError(
                f"the training text has {len(parts['train'])} tokens; with a window of "
                f"{self.window} it needs at least {self.window + LEAST}: use more text, or a "
                "smaller window"
            )
        if test is not None and len(parts["test"]) < LEAST:
            raise ArgumentError("the test text is too short: it needs at least 2 tokens")
        return {part: stream for part, stream in parts.items() if len(stream) >= LEAST}

    def _stream(self, corpus: Corpus, path: Path) -> TokenStream:
        return TokenStream(*tokens_in_file(corpus, self.tokens_, path))

    def _build(self) -> LanguageModel:
        with seeded(self.seed):
            return LanguageModel(
                self.cell_,
                len(self.tokens_),
                embedding=self.embedding,
                hidden=self.hidden,
                layers=self.layers,
                dropout=self.dropout,
                tied=self.tied,
            )

    def _findings(self, config: Any, parts: Any) -> Findings:
        """The findings of the report."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        first = parts[part].tokens[:PROMPT]
        start = self.tokens_.decode([int(token) for token in first if token >= len(SPECIAL)])
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            parts=parts,
            part=part,
            tokens=self.tokens_,
            start=start,
            samples={
                warmth: self.generate_text(start, SAMPLE, temperature=warmth, seed=self.seed)
                for warmth in WARMTHS
            },
            live=alive(lambda: live_part(self, start)),
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def evaluate(self, X: Any, y: None = None) -> dict[str, float]:
        """Loss in nats per token, bits per character, perplexity."""
        self.require_fitted("model_")
        with TemporaryDirectory(prefix="unrolled-", ignore_cleanup_errors=True) as folder:
            stream = self._stream(as_corpus(X), Path(folder) / "test.tokens")
            if len(stream) < LEAST:
                raise ArgumentError("the text is too short to evaluate: it needs at least 2 tokens")
            parts = {"test": stream}
            job = LanguageJob(self.model_, parts, self.batch_size, self.window, self.seed)
            fabric = start_fabric(checks.Settings())
            figures = evaluate(fabric, job, self.model_, "test", Share())
            return {**figures, "characters": round(len(stream) * stream.characters)}

    def score(self, X: Any, y: None = None) -> float:
        """Minus the bits per character: higher is better, as in scikit-learn."""
        return -self.evaluate(X)["bits_per_character"]

    def predict(self, X: list[str]) -> list[str]:
        """The most probable next token of each text."""
        sure = Sampling(temperature=0.0)
        return ["".join(self.generate(text, 1, sure)) for text in X]

    def generate_text(
        self,
        prompt: str = "",
        length: int = 500,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """A continuation of the prompt by `length` tokens."""
        sampling = Sampling(temperature, top_k, top_p)
        return "".join(self.generate(prompt, length, sampling, seed))

    def unknown_in(self, prompt: str) -> str:
        """The characters of a prompt that are not in the vocabulary."""
        if self.tokens == "bpe":
            return ""
        return "".join(sorted(set(prompt) - set(self.tokens_.table)))

    @torch.no_grad()
    def generate(
        self, prompt: str, length: int, sampling: Sampling, seed: int = 0
    ) -> Iterator[str]:
        """Yield the continuation piece by piece, as it is generated."""
        self.require_fitted("model_")
        random = torch.Generator().manual_seed(seed)
        start = self.tokens_.encode(prompt or "\n")
        scores, states = self.model_(torch.from_numpy(start)[:, None])
        waiting: list[int] = []
        for left in reversed(range(length)):
            token = sampling.choose(sayable(scores[-1, 0]), random)
            waiting.append(token)
            text = self.tokens_.decode(waiting)
            # a token may be part of the bytes of a character: wait for the others
            if left == 0 or len(waiting) >= BYTES or not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text
                waiting = []
            scores, states = self.model_(torch.tensor([[token]]), states)

    def stream(self, text: str = "") -> TextStream:
        """A stream of next-token probabilities for a growing text."""
        self.require_fitted("model_")
        return TextStream(self.model_, self.tokens_, text)

    # ------------------------------------------------------------------------------- exporting

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole generator to another runtime; called by `unrolled.export`."""
        self.require_fitted("model_")
        return export_generator(self, kind, path, options)

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.tokens_.as_dict()
        return found

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.tokens_ = Tokens.from_dict(vocabulary)
