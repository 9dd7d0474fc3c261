"""Pictures as cameras and programs write them, what was done to them, and what cannot be read."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from unrolled.data.canvas import Canvas, as_pictures, edge_colour
from unrolled.data.notes import Notes
from unrolled.data.pictures import picture_stream, read_picture, read_pictures
from unrolled.errors import ArgumentError, DataError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_colours(mode="RGB"):
    """3 x 2 pixels: red on the left, blue on the right."""
    image = Image.new("RGB", (3, 2), BLUE)
    for row in range(2):
        image.putpixel((0, row), RED)
    return image.convert(mode)


def test_colours_and_grey(tmp_path):
    two_colours().save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert found.pixels.shape == (2, 3, 3)
    assert found.pixels[0].tolist() == [list(RED), list(BLUE), list(BLUE)]
    assert found.done == ()
    Image.fromarray(np.array([[0, 70, 255]], np.uint8)).save(tmp_path / "grey.png")
    assert read_picture(tmp_path / "grey.png").pixels[:, :, 0].tolist() == [[0, 70, 255]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert read_picture(tmp_path / "bits.png").pixels[:, :, 0].tolist() == [[255, 0]]


def test_a_palette_and_cyan_ink_become_colours(tmp_path):
    two_colours("P").save(tmp_path / "a.gif")
    assert read_picture(tmp_path / "a.gif").pixels[1, 0].tolist() == list(RED)
    two_colours("CMYK").save(tmp_path / "a.tiff")
    assert read_picture(tmp_path / "a.tiff").pixels[1, 2].tolist() == list(BLUE)


def test_what_is_see_through_lies_over_white(tmp_path):
    layered = Image.new("RGBA", (2, 1), (*RED, 255))
    layered.putpixel((1, 0), (0, 0, 0, 0))
    layered.save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert found.pixels.tolist() == [[list(RED), [255, 255, 255]]]
    assert found.done == ("see-through",)
    Image.new("RGBA", (2, 1), (*RED, 255)).save(tmp_path / "whole.png")
    assert read_picture(tmp_path / "whole.png").done == ()
    Image.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8)).save(tmp_path / "la.png")
    assert read_picture(tmp_path / "la.png").pixels.tolist() == [[[9], [255]]]
    two_colours("P").save(tmp_path / "p.png", transparency=two_colours("P").getpixel((0, 0)))
    assert read_picture(tmp_path / "p.png").pixels[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.array([[0, 257 * 7, 65535]], np.uint16)).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert found.pixels[:, :, 0].tolist() == [[0, 7, 255]]
    assert found.done == ("16 bits",)


def test_a_photograph_is_turned_as_it_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: a quarter to the right
    image = Image.new("L", (8, 16), 0)
    image.paste(255, (0, 0, 8, 8))
    image.save(tmp_path / "a.jpg", exif=exif, quality=100)
    found = read_picture(tmp_path / "a.jpg")
    assert found.pixels.shape == (8, 16, 1)
    assert found.pixels[:, -4:].min() > 200  # what was on top is on the right
    assert found.done == ("turned",)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.new("L", (2, 2), shade) for shade in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = read_picture(tmp_path / "a.gif")
    assert "animated" in found.done
    assert (found.pixels == 10).all()


def test_a_large_one_is_made_smaller(tmp_path):
    Image.new("RGB", (400, 100), RED).save(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg", most=40).pixels.shape == (10, 40, 3)


def huge_png():
    """A PNG of 60,000 x 60,000 pixels in a few bytes."""

    def chunk(name, body):
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def png_bytes(tmp_path):
    draw = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(draw).save(tmp_path / "whole.png")
    return (tmp_path / "whole.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("bomb.png", lambda place: huge_png(), "would unpack to more than 89 million pixels"),
        ("short.png", lambda place: png_bytes(place)[:300], "is damaged or truncated"),
        ("torn.png", lambda place: png_bytes(place)[:60] + b"x" * 200, "is damaged or truncated"),
        ("text.png", lambda place: b"this is a text", "is not a readable picture"),
        ("none.png", lambda place: b"", r"is empty \(0 bytes\)"),
        ("code.png", lambda place: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
         "is not a readable picture"),
    ],
)  # fmt: skip
def test_what_is_no_picture_gets_a_sentence(tmp_path, name, make, words):
    (tmp_path / name).write_bytes(make(tmp_path))
    with pytest.raises(DataError, match=words) as error:
        read_picture(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)


def test_fractions_are_refused(tmp_path):
    Image.fromarray(np.array([[0.5, 1.5]], np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match="contains fractions, not colors"):
        read_picture(tmp_path / "a.tiff")


@pytest.fixture
def folder(tmp_path):
    """Three pictures with texts, one that is none, one without a text, one see-through."""
    for name in ("a", "b", "c"):
        two_colours().save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text(f"picture\n{name}")
    two_colours("RGBA").save(tmp_path / "c.png")
    layered = two_colours("RGBA")
    layered.putalpha(0)
    layered.save(tmp_path / "c.png")
    (tmp_path / "d.png").write_text("none")
    (tmp_path / "d.txt").write_text("no picture")
    two_colours().save(tmp_path / "e.png")
    rows = [f"{name}.png,picture {name}" for name in "abcde"]
    (tmp_path / "all.csv").write_text("\n".join(["image,caption", *rows[:4], "e.png,"]) + "\n")
    return tmp_path


def test_a_table_and_a_folder_hold_the_same_and_count_what_is_wrong(folder):
    table, all_of_it = read_pictures(folder / "all.csv"), read_pictures(folder)
    assert table.texts == all_of_it.texts == ["picture a", "picture b", "picture c"]
    assert table.names == all_of_it.names == ["a.png", "b.png", "c.png"]
    notes = " ".join(table.notes)
    assert "1 of 3 pictures are partly transparent: they were laid over white" in notes
    assert "2 of 5 pictures were left out (the first: " in notes
    with pytest.raises(DataError, match="is a single picture: name a table"):
        read_pictures(folder / "a.png")


def test_a_stream_has_a_line_for_each(folder):
    notes = Notes()
    found = list(picture_stream(folder, None, notes, 64))
    assert [name for name, _ in found] == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert [pixels is None for _, pixels in found] == [False, False, False, True, False]
    assert "1 of 5 pictures have no prediction" in " ".join(notes)
    with pytest.raises(DataError, match="contains no readable picture"):
        list(picture_stream(folder / "d.png", None, notes, 64))


def test_a_canvas_has_the_middle_shape_and_holds_each_picture_whole():
    wide, high = np.full((10, 40, 1), 50, np.uint8), np.full((40, 10, 3), 200, np.uint8)
    canvas = Canvas.fit([wide, wide, high], 20)
    assert (canvas.height, canvas.width, canvas.channels) == (5, 20, 3)
    laid = canvas(high)
    assert laid.shape == (5, 20, 3)
    assert (laid == 200).all()  # what is free has the colour of the edge
    framed = wide.copy()
    framed[4:6, 10:30] = 255
    assert canvas(framed)[2, 10, 0] > 150 > canvas(framed)[0, 0, 0]
    assert Canvas(40, 10, 1)(high).shape == (40, 10, 1)
    assert edge_colour(wide).tolist() == [50]


def test_what_is_given_in_python():
    assert as_pictures([np.zeros((3, 4))])[0].shape == (3, 4, 1)
    assert as_pictures([np.ones((3, 4, 3))])[0].max() == 255
    for X, words in (
        ([], "X is empty"),
        ([np.zeros((3, 4, 2))], "picture 1 has the shape"),
        ([np.full((3, 4), 7.0)], "picture 1 is of type float64"),
        ([np.zeros((3, 4), np.uint8), np.zeros((3, 4), int)], "picture 2 is of type int64"),
    ):
        with pytest.raises(ArgumentError, match=words):
            as_pictures(X)
    for wrong in ({"height": 0}, {"width": 10**6}, {"channels": 2}, {"height": True}):
        with pytest.raises(ArgumentError):
            Canvas(**{"height": 2, "width": 2, "channels": 1, **wrong})
