"""Clips as folders of frames, animations and arrays; what holds them, and what is wrong with it."""

import numpy as np
import pytest
from PIL import Image

from unrolled.data import made_digits, sources
from unrolled.data.clips import FRAMES, clip_stream, holds_clips, natural, read_clip, read_clips
from unrolled.data.notes import Notes
from unrolled.data.packages import folder_of
from unrolled.errors import DataError


def shades(values, size=(4, 3)):
    """One frame for each shade of grey."""
    return [Image.new("L", size, value) for value in values]


def save_gif(path, values):
    first, *others = shades(values)
    first.save(path, save_all=True, append_images=others)


@pytest.fixture
def folder(tmp_path):
    """Two classes: of animations, frames, arrays and a still picture, and of what is none."""
    for name in ("brighter", "darker"):
        (tmp_path / name / "frames").mkdir(parents=True)
    save_gif(tmp_path / "brighter" / "a.gif", (10, 90, 200))
    for number, frame in zip((1, 2, 10), shades((0, 100, 250)), strict=True):
        frame.save(tmp_path / "brighter" / "frames" / f"f{number}.png")
    values = np.stack([np.full((3, 4), shade) for shade in (0.9, 0.4)])
    np.savez(tmp_path / "darker" / "b.npz", x=values)
    shades((7,))[0].save(tmp_path / "darker" / "still.png")
    (tmp_path / "darker" / "bad.gif").write_text("none")
    (tmp_path / "darker" / "frames" / "notes.txt").write_text("no frame")
    return tmp_path


def first_pixels(clip):
    return clip[:, 0, 0, 0].tolist()


def test_a_folder_for_each_class(folder):
    assert holds_clips(folder)
    found = sources.labelled(folder).train
    assert found.rows == ["brighter/a.gif", "brighter/frames", "darker/b.npz", "darker/still.png"]
    assert found.labels == ["brighter", "brighter", "darker", "darker"]
    expected = [[10, 90, 200], [0, 100, 250], [230, 102], [7]]
    assert [first_pixels(clip) for clip in found.values] == expected
    assert all(clip.shape[1:3] == (3, 4) for clip in found.values)
    assert "2 of 6 clips were left out (the first: " in " ".join(found.notes)


def test_a_table_names_clips(folder):
    rows = ["brighter/a.gif,up", "brighter/frames,up", "darker/b.npz,down", "darker/bad.gif,down",
            "darker/still.png,"]  # fmt: skip
    (folder / "all.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    found = sources.labelled(folder / "all.csv").train
    assert found.labels == ["up", "up", "down"]
    assert "2 of 5 clips were left out" in " ".join(found.notes)
    (folder / "other.csv").write_text("file,way\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="name it with --label: there are 'file', 'way'"):
        sources.labelled(folder / "other.csv")
    assert sources.labelled(folder / "other.csv", label="way").train.labels == found.labels
    with pytest.raises(DataError, match="--series is for texts or series"):
        sources.labelled(folder / "all.csv", series="file")


def test_one_file_of_arrays(tmp_path):
    x = np.zeros((4, 5, 3, 4, 3), np.uint8)
    np.savez(tmp_path / "all.npz", x=x, y=np.array(["a", "b", "a", "b"]))
    found = sources.labelled(tmp_path / "all.npz").train
    assert [clip.shape for clip in found.values] == [(5, 3, 4, 3)] * 4
    np.savez(tmp_path / "all.npz", x=x)
    with pytest.raises(DataError, match="not as many labels in y"):
        sources.labelled(tmp_path / "all.npz")
    np.savez(tmp_path / "all.npz", x=x.astype(int), y=np.array(["a", "b", "a", "b"]))
    with pytest.raises(DataError, match="use integers from 0 to 255"):
        read_clips(tmp_path / "all.npz", None)


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    names = ["f10.png", "f9.png", "f1.png"]
    assert sorted((tmp_path / name for name in names), key=natural) == [
        tmp_path / name for name in ("f1.png", "f9.png", "f10.png")
    ]


def test_a_long_clip_is_thinned_out_and_counted(tmp_path):
    (tmp_path / "one").mkdir()
    for number, frame in enumerate(shades(range(0, 255, 2))):
        frame.save(tmp_path / "one" / f"{number}.png")
    clip, count = read_clip(tmp_path / "one")
    assert (len(clip), count) == (FRAMES, 128)
    assert first_pixels(clip)[0] == 0
    assert first_pixels(clip)[-1] == 254
    notes = Notes()
    assert len(list(clip_stream(tmp_path / "one", notes))) == 1
    assert "1 of 1 clips are longer than 64 frames" in " ".join(notes)


def test_a_stream_has_a_line_for_each(folder):
    notes = Notes()
    found = dict(clip_stream(folder / "darker", notes))
    assert {name: clip is None for name, clip in found.items()} == {
        "b.npz": False, "bad.gif": True, "frames": True, "still.png": False,
    }  # fmt: skip
    assert "2 of 4 clips have no prediction" in " ".join(notes)
    assert [name for name, _ in clip_stream(folder / "brighter" / "a.gif", notes)] == ["a.gif"]
    with pytest.raises(DataError, match="contains no readable clip"):
        list(clip_stream(folder / "darker" / "bad.gif", notes))


def test_folders_of_texts_and_tables_of_numbers_hold_no_clips(tmp_path):
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "1.txt").write_text("a text")
    (tmp_path / "series.csv").write_text("file,label,x1,x2\n1,a,3,4\n2,b,5,6\n")
    assert not holds_clips(tmp_path)
    assert sources.labelled(tmp_path / "series.csv").train.values[0].ndim == 2


def test_digits_move_as_their_labels_say_and_backwards_as_often():
    data = made_digits.moving(folder_of("scikit-learn", "sklearn", "digits"))
    y, x = np.mgrid[: made_digits.SQUARE, : made_digits.SQUARE]
    for clip, label in list(zip(data.test.values, data.test.labels, strict=True))[:60]:
        ink = np.maximum(clip[..., 0].astype(float) - 90, 0)
        centre = np.stack([(ink * place).sum((1, 2)) / ink.sum((1, 2)) for place in (y, x)], 1)
        way = np.sign(np.round((centre[-1] - centre[0]) / 5))
        assert way.tolist() == list(made_digits.DIRECTIONS[label])
    assert {
        label: data.test.labels.count(label) for label in made_digits.DIRECTIONS
    } == dict.fromkeys(made_digits.DIRECTIONS, 100)
