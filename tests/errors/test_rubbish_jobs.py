"""Rubbish on the command line of the jobs: one clear sentence each, exit 2, and no file left."""

import shlex
import shutil

import numpy as np
import pytest

from tests.made_up import chatter, opinions
from unrolled.cli import main
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator

TINY = {"hidden": 3, "epochs": 1, "batch_size": 8}

LINES = [
    # what is asked for
    ("train", "name a job: unrolled train caption | classify"),
    ("train clasify good.csv", "no choice 'clasify'; did you mean 'classify'?"),
    ("train classify", "the following arguments are required: source"),
    ("train classify good.csv more.csv", "unexpected argument: 'more.csv'"),
    ("train classify good.csv --epocs 3", "did you mean '--epochs'?"),
    ("train classify good.csv --epochs three", "invalid int value: 'three'"),
    ("train classify good.csv --quiet --json", "exclude each other"),
    # parameters
    ("train classify good.csv --epochs 0", "epochs must be an integer of at least 1, not 0"),
    ("train classify good.csv --lr -1", "lr must be a number above 0, not -1.0"),
    ("train classify good.csv --lr nan", "lr must be a number above 0, not nan"),
    ("train classify good.csv --hidden -4", "hidden must be an integer of at least 1, not -4"),
    (
        "train classify good.csv --modify layrnorm",
        "no modifier 'layrnorm'; did you mean 'layernorm'?",
    ),
    ("train classify good.csv --layers 0", "layers must be an integer of at least 1, not 0"),
    (
        "train classify good.csv --dropout 1.5",
        "dropout must be a number from 0 to below 1, not 1.5",
    ),
    ("train classify good.csv --validation 1", "validation must be a number from 0"),
    ("train classify good.csv --batch-size 0", "batch_size must be an integer"),
    ("train classify good.csv --seed -1", "seed must be an integer from 0"),
    ("train classify good.csv --minutes 0", "minutes must be a number above 0"),
    ("train classify good.csv --clip-norm -1", "clip_norm must be a number of at least 0"),
    ("train classify good.csv --patience 0", "patience must be an integer"),
    ("train classify good.csv --optimizer adma", "no choice 'adma'; did you mean 'adam'?"),
    ("train classify good.csv --schedule cosin", "did you mean 'cosine'?"),
    ("train classify good.csv --pooling first", "no choice 'first'"),
    ("train classify good.csv --tokens words", "did you mean 'word'?"),
    ("train classify good.csv --momentum 1", "momentum must be from 0 to below 1"),
    ("train classify good.csv --devices 0", "devices must be an integer"),
    ("train classify good.csv --test-share 1.5", "share"),
    ("train classify good.csv --test-share -1", "share"),
    ("train classify good.csv --folds 1", "1 folds cannot be made"),
    ("train classify good.csv --folds 1000", "1000 folds cannot be made"),
    ("train classify good.csv --strategy dpp", "training cannot start"),
    ("train classify good.csv --accelerator tpux", "no choice 'tpux'"),
    ("train classify nothere.csv --accelerator cuda", "there is no GPU that PyTorch can use here"),
    ("train generate good.csv --accelerator gpu", "leave --accelerator out to train on the CPU"),
    ("train forecast sales.csv --accelerator mps", "has no Apple GPU that PyTorch can use"),
    ("train classify good.csv --folds 0", "0 folds cannot be made"),
    ("train classify good.csv --test good.csv --test-share 0.2", "choose one"),
    ("train classify good.csv --hidden 99999999999999999999", "at most 2,147,483,647"),
    ("train classify good.csv --hidden 100000000", "more weights than the machine has memory"),
    ("train classify good.csv --nodes 3", "3 nodes would wait for each other forever"),
    ("train forecast good.csv --quantiles 0.5,0.1", "quantiles must ascend between 0 and 1"),
    ("train forecast good.csv --quantiles few", "must look like 0.1,0.5,0.9"),
    ("train forecast good.csv --season 0", "season must be an integer"),
    ("train forecast good.csv --mode sideways", "no choice 'sideways'"),
    ("train forecast sales.csv --every fortnight", "fortnight"),
    # cells
    ("train classify good.csv --cell lstn", "no cell 'lstn'; did you mean 'lstm'?"),
    ("train classify good.csv --cell none.py:Mine", "no such file: none.py"),
    ("train classify good.csv --cell broken.py:Mine", "broken.py, line 1"),
    ("train classify good.csv --cell empty.py:Mine", "empty.py defines no cell"),
    ("train classify good.csv --cell fine.py:Yours", "there are: fine.py:Mine"),
    ("train classify good.csv --cell leaves.py:Mine", "cannot be loaded: SystemExit"),
    ("train classify good.csv --cell :Mine", "no cell ':Mine'"),
    # data
    ("train classify nothere.csv", "there is no file 'nothere.csv'"),
    ("train classify good.csv --text txt", "no column 'txt' for --text; did you mean 'text'?"),
    ("train classify good.csv --label lable", "no column 'lable' for --label"),
    ("train classify good.csv --test nothere.csv", "there is no file 'nothere.csv'"),
    ("train classify one.csv", "nothing to learn"),
    ("train classify strange-test.csv --test other.csv", "the label 'new' of the test data"),
    ("train classify builtin:langs", "no built-in data set 'langs'"),
    ("train classify builtin:plays", "builtin:plays is for `generate`"),
    ("train classify builtin:digits --text x", "--text names a column of a file"),
    ("train generate short.txt", "at least"),
    ("train generate empty.txt", "empty"),
    ("train generate good.csv --window 0", "window must be an integer"),
    ("train generate good.csv --test-share 2", "must be a number from 0 to below 1"),
    # options that would do nothing
    ("train classify steps.csv --time when --series id --text word", "--series is for numbers"),
    ("train classify wide.csv --series x1", "has a different value in each row"),
    ("train classify wide.csv --time x1", "identifies the series with --series, too"),
    ("train classify wide.csv --text x1 --label y --test wide.npz", "are different: one"),
    ("train classify wide.npz --text x", "wide.npz contains series: leave it out"),
    ("train classify wide.npz --label y", "--label names a column of a table, and wide.npz has"),
    ("train classify wide.npz --time t", "--time names a column of a table, and wide.npz has"),
    (
        "train classify wide.csv --tokens char",
        "--tokens says how texts are read, and wide.csv holds",
    ),
    ("train classify wide.csv --longest 9", "--longest says how texts are read, and wide.csv"),
    ("train classify good.csv --time text", "--time is for series"),
    ("train classify folder --text a", "--text names a column of a table, and folder is not one"),
    ("train classify folder --label a", "--label names a column of a table, and folder is not one"),
    ("train classify good.csv --momentum 0.5", "--momentum only applies to --optimizer momentum"),
    ("train classify builtin:digits --time x", "--time names a column of a file"),
    ("train classify builtin:japanese-vowels --test-share 0.3", "has its own test set"),
    ("train forecast sales.csv --value units --paths 9", "--paths only applies to --mode fed-back"),
    ("train forecast builtin:sunspots --known x", "--known names a column of a file"),
    ("train forecast builtin:sunspots --every 1d", "--every says how a file is read"),
    ("train generate good.csv --test good.csv --test-share 0.2", "choose one"),
    (
        "train classify good.csv --resume run --text text",
        "--text cannot change when a run is resumed",
    ),
    ("train classify good.csv --resume run --out new", "--out cannot change when a run is resumed"),
    (
        "train classify good.csv --resume run --folds 3",
        "--folds cannot change when a run is resumed",
    ),
    (
        "predict run good.csv --value x",
        "--value does not apply to run, which is a run of 'classify'",
    ),
    ("predict run good.csv --series x", "--series is for series"),
    ("predict run good.csv --time x", "--time is for series"),
    ('predict run "a fine film" --text x', "the source is a text"),
    ("predict series-run wide.csv --text x1", "wide.csv contains series"),
    ("predict sales-run sales.csv --text units", "--text does not apply to sales-run"),
    (
        "evaluate run good.csv --known x",
        "--known does not apply to run",
    ),
    (
        "evaluate text-run good.csv --text text",
        "--text does not apply to text-run",
    ),
    ("evaluate sales-run sales.csv --label units", "--label does not apply to sales-run"),
    ("forecast sales-run --time date", "--time says how a file is read, and no file is given"),
    ("forecast sales-run --known units", "--known says how a file is read, and no file is given"),
    # places
    ("train classify good.csv --out taken", "taken already exists and is not an empty folder"),
    ("train classify good.csv --out run", "run already holds a run"),
    ("train classify good.csv --out good.csv/run", "could not be written"),
    ("train classify good.csv --config nothere.toml", "there is no file 'nothere.toml'"),
    ("train classify good.csv --config good.csv", "is not a TOML file"),
    ("train classify good.csv --config odd.toml", "there is no parameter 'hiden'"),
    ("train classify good.csv --config text-run", "is for 'generate'"),
    ("train classify good.csv --config number.toml", "`parameters` must be a table"),
    # runs that go on
    ('train --resume ""', "is not a run"),
    ("train --resume nowhere", "there is no run 'nowhere'"),
    ("train --resume taken", "'taken' is not a run"),
    ("train generate short.txt --resume run", "is a run of 'classify'"),
    ("train classify good.csv --resume run --lr 1", "--lr cannot change"),
    ("train --resume run --epochs 2", "there is no file"),
    # questions to runs
    ("predict nowhere good.csv", "there is no run 'nowhere'"),
    ("predict run nothere.csv", "there is no file 'nothere.csv'"),
    ("predict run good.csv --text txt", "no column 'txt'"),
    ("predict run good.csv --out nowhere/a.csv", "could not be written"),
    ("predict text-run good.csv", "unrolled generate text-run"),
    ("predict run good.csv --out taken", "taken is a folder: name a file in it"),
    ("predict spoilt good.csv", "its vocabulary is damaged"),
    ("predict blank good.csv", "vocabulary.json cannot be read"),
    ("predict alien good.csv", "fly"),
    ("evaluate run nothere.csv", "there is no file 'nothere.csv'"),
    ("evaluate run other.csv", "the label 'new' of the test data"),
    ("generate nowhere", "there is no run 'nowhere'"),
    ("generate run", "is a run of 'classify', not of 'generate'"),
    ("generate text-run --temperature -1", "temperature must be a number of at least 0"),
    ("generate text-run --top-p 2", "top_p must be above 0"),
    ("generate text-run --top-k 0", "top_k must be an integer"),
    ("generate text-run --length 0", "--length must be an integer"),
    ("forecast run", "is a run of 'classify'"),
    ("data nothing", "nothing"),
    ("check lstn", "did you mean"),
    ("bench --shapes 0,1,1,1", "0,1,1,1"),
    ("bench --rounds 0", "--rounds must be an integer"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good files, bad files and two runs."""
    place = tmp_path_factory.mktemp("rubbish")
    X, y = opinions(30)
    rows = "".join(f'"{text}",{label}\n' for text, label in zip(X, y))
    (place / "good.csv").write_text("text,label\n" + rows)
    (place / "strange-test.csv").write_text("text,label\n" + rows)
    (place / "other.csv").write_text("text,label\nso so,new\nbad,bad\n")
    (place / "one.csv").write_text("text,label\na,b\nc,b\n")
    (place / "short.txt").write_text("too short")
    (place / "empty.txt").write_text("")
    (place / "broken.py").write_text("class Mine(:\n")
    (place / "empty.py").write_text("")
    (place / "fine.py").write_text(
        "from unrolled import Cell, tanh\n\n\nclass Mine(Cell):\n"
        "    def step(self, x, h):\n        return tanh(self.W @ x + self.U @ h)\n"
    )
    days = "".join(f"2024-01-{day:02d},{day % 7}\n" for day in range(1, 32))
    (place / "sales.csv").write_text("date,units\n" + days)
    (place / "leaves.py").write_text("raise SystemExit(3)\n")
    (place / "odd.toml").write_text("hiden = 4\n")
    (place / "number.toml").write_text("parameters = 3\n")
    (place / "taken").mkdir()
    (place / "taken" / "precious.txt").write_text("mine")
    where = {"data": {"source": str(place / "gone.csv")}}
    Classifier(out=place / "run", **TINY).fit(X, y, **where)
    for name, vocabulary in (("spoilt", "[3]"), ("blank", "{}")):
        shutil.copytree(place / "run", place / name)
        (place / name / "manifest.json").unlink()  # an edited run without a manifest is not checked
        (place / name / "vocabulary.json").write_text(vocabulary)
    (place / "alien").mkdir()
    (place / "alien" / "config.toml").write_text('task = "fly"\n')
    Generator(out=place / "text-run", window=8, **TINY).fit(chatter(300))
    steps = "".join(f"{k % 3},{k},{k % 2},w\n" for k in range(12))
    (place / "steps.csv").write_text("id,when,v,word\n" + steps)
    numbers = np.random.default_rng(0).normal(size=(24, 3))
    wide = "".join(f"{'ab'[k % 2]},{','.join(map(str, row))}\n" for k, row in enumerate(numbers))
    (place / "wide.csv").write_text("y,x1,x2,x3\n" + wide)
    np.savez(place / "wide.npz", x=numbers, y=np.arange(24) % 2)
    (place / "folder").mkdir()
    (place / "folder" / "up.txt").write_text("one\ntwo\n")
    (place / "folder" / "down.txt").write_text("three\nfour\n")
    Classifier(out=place / "series-run", **TINY).fit(list(numbers[..., None]), ["a", "b"] * 12)
    Forecaster(out=place / "sales-run", horizon=2, **TINY).fit(np.arange(40) % 7.0)
    return place


@pytest.mark.parametrize(("line", "words"), LINES, ids=[line for line, _ in LINES])
def test_one_sentence_and_no_file(place, tmp_path, monkeypatch, capsys, line, words):
    here = tmp_path / "here"
    shutil.copytree(place, here)
    before = files_in(here)
    monkeypatch.chdir(here)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert main(shlex.split(line)) == 2
    said = [one for one in capsys.readouterr().err.splitlines() if not one.startswith("note: ")]
    assert len(said) == 1, said
    assert said[0].startswith("unrolled: ")
    assert words in said[0]
    assert "Traceback" not in said[0]
    assert files_in(here) == before


def files_in(place):
    """But for the bytecode that Python keeps of a file it imports."""
    return sorted(path for path in place.rglob("*") if "__pycache__" not in path.parts)


def test_there_are_fifty():
    assert len({line for line, _ in LINES}) >= 50
