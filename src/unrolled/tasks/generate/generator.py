"""Continue a text. In: a long text. Out: a model of it that writes on; next: `cli`.

    model = Generator(cell="lstm", hidden=256).fit(text)
    print(model.generate_text("To be", 200, temperature=0.8, seed=1))

Pieces from all over the training text are set aside (whole documents, where there are many): which
weights are kept looks at them alone.
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
BYTES = 4  # at most, of a character in UTF-8
PROMPT, SAMPLE, WARMTHS = 20, 300, (0.5, 0.8, 1.0)  # of the report's samples
LEAST = 2  # tokens: one to begin with, one to predict


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
        """Let the next `fit` go on with the weights and the vocabulary of a fitted one."""
        self._before = before

    @property
    def before(self) -> Any:
        """The one whose weights a training starts from; None: it starts anew."""
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
        """Learn from a text, or from a list or a column of texts, one document each.

        `data` says for the run where they came from.
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
        """Hold out a part for validation, make the vocabulary of the rest, encode everything."""
        for text in (corpus, test):
            if text is not None and not any(text.blocks()):
                raise ArgumentError("the text is empty: it takes at least a few hundred characters")
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
                f"the text to learn from has {len(parts['train'])} tokens; with a window of "
                f"{self.window} it takes at least {self.window + LEAST}: bring more text, or a "
                "smaller window"
            )
        if test is not None and len(parts["test"]) < LEAST:
            raise ArgumentError("the test text is too short: it takes at least 2 tokens")
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
        """What the report is about."""
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
        """Loss in nats a token, bits a character, perplexity."""
        self.require_fitted("model_")
        with TemporaryDirectory(prefix="unrolled-", ignore_cleanup_errors=True) as folder:
            stream = self._stream(as_corpus(X), Path(folder) / "test.tokens")
            if len(stream) < LEAST:
                raise ArgumentError("the text is too short to measure: it takes 2 tokens or more")
            parts = {"test": stream}
            job = LanguageJob(self.model_, parts, self.batch_size, self.window, self.seed)
            fabric = start_fabric(checks.Settings())
            figures = evaluate(fabric, job, self.model_, "test", Share())
            return {**figures, "characters": round(len(stream) * stream.characters)}

    def score(self, X: Any, y: None = None) -> float:
        """Minus the bits a character: more is better, as scikit-learn has it."""
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
        """A continuation of the prompt, as many tokens as `length` says."""
        sampling = Sampling(temperature, top_k, top_p)
        return "".join(self.generate(prompt, length, sampling, seed))

    def unknown_in(self, prompt: str) -> str:
        """The characters of a prompt that the vocabulary does not have."""
        if self.tokens == "bpe":
            return ""
        return "".join(sorted(set(prompt) - set(self.tokens_.table)))

    @torch.no_grad()
    def generate(
        self, prompt: str, length: int, sampling: Sampling, seed: int = 0
    ) -> Iterator[str]:
        """The continuation piece by piece, as it comes."""
        self.require_fitted("model_")
        random = torch.Generator().manual_seed(seed)
        start = self.tokens_.encode(prompt or "\n")
        scores, states = self.model_(torch.from_numpy(start)[:, None])
        waiting: list[int] = []
        for left in reversed(range(length)):
            token = sampling.choose(sayable(scores[-1, 0]), random)
            waiting.append(token)
            text = self.tokens_.decode(waiting)
            # a token may be a part of a character's bytes: wait for the others
            if left == 0 or len(waiting) >= BYTES or not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text
                waiting = []
            scores, states = self.model_(torch.tensor([[token]]), states)

    def stream(self, text: str = "") -> TextStream:
        """What comes next, token by token, after a text that grows."""
        self.require_fitted("model_")
        return TextStream(self.model_, self.tokens_, text)

    # ------------------------------------------------------------------------------- exporting

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """The whole generator for another runtime; `unrolled.export` calls it."""
        self.require_fitted("model_")
        return export_generator(self, kind, path, options)

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.tokens_.as_dict()
        return found

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.tokens_ = Tokens.from_dict(vocabulary)
