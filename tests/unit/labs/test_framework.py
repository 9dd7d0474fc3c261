"""The frame around a lab: arguments are checked first, and what it writes is whole."""

from pathlib import Path

import pytest

from unrolled import labs
from unrolled.errors import UnrolledError
from unrolled.labs.base import Account, Lab, Size, TextFile, read_text
from unrolled.labs.experiment import command, conduct, settle
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Figure, Prose, Question, Section
from unrolled.report.figures import bars

TEXT = TextFile("my-text", "a text", least=5, most=100)


def run(seed: int, progress: Progress, hidden: int, rate: float, my_text: str | None) -> Account:
    progress.plan({"work": 1})
    for _ in progress.loop("work", range(hidden)):
        pass
    shown = Figure("seed", "The seed", bars({"seed": seed}, y_label="seed"), "One bar.")
    said = Prose(f"seed {seed}, hidden {hidden}, rate {rate}, text {my_text}")
    question = Question("Which seed?", f"{seed}.", ["seed"])
    return Account([f"seed {seed}"], [Section("All", [said, shown, question])])


LAB = Lab(
    "fake", "A lab", "one line", run,
    sizes=(Size("hidden", 4, "hidden units", most=8), Size("rate", 0.5, "rate")), texts=(TEXT,),
)  # fmt: skip


@pytest.mark.drawn
def test_the_page_and_its_figures_are_written(tmp_path: Path) -> None:
    outcome = conduct(LAB, 3, tmp_path / "a" / "b", {"hidden": 2})
    assert outcome.account.found == ["seed 3"]
    files = sorted(p.relative_to(tmp_path / "a/b").as_posix() for p in tmp_path.rglob("*.*"))
    assert files == ["figures/seed.svg", "report.html"]
    text = outcome.path.read_text(encoding="utf-8")
    for part in ("seed 3, hidden 2, rate 0.5", "unrolled lab fake --seed 3 --hidden 2"):
        assert part in text


def test_the_same_seed_gives_the_same_page_and_another_another(tmp_path: Path) -> None:
    pages = [conduct(LAB, seed, tmp_path / str(n), {}).path for n, seed in enumerate((1, 1, 2))]
    first, second, third = (page.read_bytes() for page in pages)
    assert first == second != third


def test_a_text_is_read_and_given_on(tmp_path: Path) -> None:
    path = tmp_path / "a text.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert settle(LAB, 0, {"my-text": path})["my_text"] == "one\ntwo"
    assert settle(LAB, 0, {})["my_text"] is None
    assert command(LAB, 0, {"my-text": path}).endswith(f"--my-text '{path}'")


@pytest.mark.parametrize(
    ("seed", "chosen", "sentence"),
    [
        (-1, {}, "--seed must be an integer from 0 to 4294967295, not -1"),
        (0, {"hidden": 0}, "--hidden must be an integer from 1 to 8, not 0"),
        (0, {"hidden": 9}, "--hidden must be an integer from 1 to 8, not 9"),
        (0, {"rate": -0.5}, "--rate must be a positive number, not -0.5"),
        (0, {"rate": float("nan")}, "--rate must be a positive number, not nan"),
        (0, {"size": 1}, "the lab fake has no 'size'; it takes hidden, my-text, rate"),
    ],
)
def test_a_wrong_argument_gets_one_sentence(
    seed: int, chosen: dict[str, float], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(UnrolledError) as caught:
        conduct(LAB, seed, tmp_path / "out", chosen)
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the text {path} cannot be read (no such file or directory): name a text file that "
               "exists"),
        (b"abcdef\xff", "the text {path} is not UTF-8 (byte 6): save it as UTF-8 text, or name "
                        "another file"),
        (b"abc\0defg", "{path} holds zero bytes, so it is not text: name a text file"),
        (b"abcd", "the text {path} has 4 characters: --my-text needs from 5 to 100"),
        (b"a" * 101, "the text {path} has 101 characters: --my-text needs from 5 to 100"),
    ],
)  # fmt: skip
def test_an_unreadable_text_gets_one_sentence(
    content: bytes | None, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnrolledError) as caught:
        read_text(path, TEXT)
    assert str(caught.value) == sentence.format(path=path)


def test_the_folder_is_tried_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here is a file")

    def never(**arguments: object) -> Account:
        raise AssertionError("the lab was run")

    lab = Lab("fake", "A lab", "one line", never)
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UnrolledError, match="could not be written"):
            conduct(lab, 0, folder, {})
    assert (tmp_path / "file").read_text() == "here is a file"


def test_every_lab_is_complete() -> None:
    assert labs.names() == (
        "bptt", "cell", "deep", "classify", "predict", "gradients", "memory", "gates", "optimise",
        "regularise", "tag", "translate", "speech", "music",
    )  # fmt: skip
    for name in labs.names():
        lab = labs.find(name)
        assert lab.name == name
        assert lab.title
        assert lab.summary
        assert len({part.name for part in (*lab.sizes, *lab.texts)} | {"seed", "out"}) == (
            len(lab.sizes) + len(lab.texts) + 2
        )
        for size in lab.sizes:
            size.check(size.default)


def test_an_unknown_lab_is_said() -> None:
    with pytest.raises(UnrolledError, match="there is no lab called 'gate'"):
        labs.find("gate")
