"""Pictures from files. In: PNG, JPEG, GIF and others. Out: arrays of 8 bits; next: the tasks.

Uses Pillow. Pictures are normalized: they are rotated according to EXIF, palettes become colors,
transparency is laid over white, 16 bits become 8, and only the first frame of an animation is read.
A picture takes no more memory than requested, and one that would unpack to more than
`Image.MAX_IMAGE_PIXELS` is refused before unpacking.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unrolled.data.described import Described, Kind, files_of, fill
from unrolled.data.notes import Notes
from unrolled.data.opening import existing
from unrolled.errors import DataError, extras
from unrolled.literal import because

if TYPE_CHECKING:
    from PIL import Image

# Self-contained formats: none that runs a program (EPS) or refers to other files.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
ENDINGS = (
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"
)  # fmt: skip
PICTURES = Kind(
    "picture",
    "pictures",
    "PNG or JPEG files",
    ENDINGS,
    ("file", "path", "file_name", "filename", "picture", "image", "img"),
)
WHITE = 255
LARGEST_SIDE = 1024  # of a picture that is read; networks use far less
DAMAGE = (
    OSError, EOFError, ValueError, SyntaxError, IndexError, KeyError, TypeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip
# Changes to pictures, as they are noted.
DONE = {
    "turned": "were rotated according to their EXIF data",
    "see-through": "are partly transparent: they were laid over white",
    "animated": "are animated: their first frame was read",
    "16 bits": "have more than 8 bits per color: they were reduced to 8",
}


@dataclass(frozen=True)
class Picture:
    """Pixels (height, width, 1 or 3) of 8 bits, and the names of the changes made to them."""

    pixels: Any
    done: tuple[str, ...] = ()


def read_pictures(
    source: str | Path,
    file: str | None = None,
    text: str | None = None,
    *,
    labelled: bool = True,
    most: int = LARGEST_SIDE,
) -> Described:
    """All pictures of a table or folder, with their texts; the contents are arrays of pixels."""
    found = Described()
    fill(found, source, PICTURES, lambda path: read_picture(path, most), file, text, labelled)
    counts = Counter(name for one in found.contents for name in one.done)
    note_treatments(found.notes, counts, len(found))
    found.contents = [one.pixels for one in found.contents]
    return found


def picture_stream(
    source: str | Path, file: str | None, notes: Notes, most: int
) -> Iterator[tuple[str, Any]]:
    """The name and the pixels of each picture of a source, one by one; None for the pixels of an
    unreadable one. Changes are counted, and noted after the last picture."""
    counts: Counter[str] = Counter()
    failed, total = [], 0
    for path, _ in files_of(source, PICTURES, file, None, False, notes):
        total += 1
        try:
            one = read_picture(path, most)
        except DataError as error:
            failed.append(str(error))
            yield path.name, None
            continue
        counts.update(one.done)
        yield path.name, one.pixels
    note_treatments(notes, counts, total)
    if failed:
        notes.count(len(failed), total, "pictures", f"have no prediction (the first: {failed[0]})")
        if len(failed) == total:
            raise DataError(f"{source} contains no readable picture: {failed[0]}")


def note_treatments(notes: Notes, counts: Counter[str], total: int) -> None:
    """Note each change and the number of pictures."""
    for name, words in DONE.items():
        notes.count(counts[name], total, "pictures", words)


def read_picture(path: str | Path, most: int = LARGEST_SIDE) -> Picture:
    """Read a picture; it is scaled down if a side is longer than `most`."""
    path = existing(path)
    with opened_picture(path) as image:
        return _read(image, path, most)


def picture_in(data: bytes, name: str, most: int, most_pixels: int) -> Picture:
    """The same from the bytes of any file; `name` is used in errors."""
    with opened_picture(Path(name), io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > most_pixels:
            raise DataError(
                f"{name} has {width:,} x {height:,} pixels, more than {most_pixels / 1e6:.0f} "
                "million: make it smaller"
            )
        return _read(image, Path(name), most)


def _read(image: Any, path: Path, most: int) -> Picture:
    """Read an open picture."""
    done = ["animated"] if getattr(image, "n_frames", 1) > 1 else []
    image.draft("RGB" if image.mode != "L" else "L", (most, most))  # JPEG decodes at less
    turned = _turned(image)
    if turned is not image:
        done.append("turned")
    found, treated = flat(turned, path)
    return Picture(pixels_of(found, most), (*done, *treated))


@contextlib.contextmanager
def opened_picture(path: Path, file: io.BytesIO | None = None) -> Iterator[Image.Image]:
    """A picture opened by Pillow; raises DataError for any problem. `file`: its bytes, if they are
    in memory."""
    with extras(f"reading the picture {path}"):
        from PIL import Image, UnidentifiedImageError
    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path if file is None else file, formats=FORMATS) as image:
                yield image
    except bombs:
        most = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise DataError(
            f"{path} would unpack to more than {most:.0f} million pixels: make it smaller"
        ) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not a readable picture: save it as PNG or JPEG") from None
    except PermissionError:
        raise DataError(f"{path} cannot be opened: you have no permission to read it") from None
    except MemoryError:
        raise DataError(f"{path} does not fit into memory: make the picture smaller") from None
    except DAMAGE as error:
        raise DataError(
            f"{path} is damaged or truncated ({because(error)}): download it again"
        ) from None


def _turned(image: Any) -> Any:
    """The picture rotated according to its EXIF data, if any."""
    orientation = 0x0112  # the tag; 1 means upright
    if image.getexif().get(orientation, 1) == 1:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image) or image


def flat(image: Any, path: Path) -> tuple[Any, list[str]]:
    """The picture in gray ("L") or colors ("RGB") of 8 bits, and the changes made to it."""
    done = []
    if image.mode == "F":
        raise DataError(f"{path} contains fractions, not colors: save it with 8 bits per color")
    if image.mode.startswith("I"):  # 16 or 32 bits; PNG and TIFF use 16
        from PIL import Image

        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise DataError(f"{path} has more than 16 bits per color: save it with 8")
        image = Image.fromarray(np.round(values / 257).astype(np.uint8))
        done.append("16 bits")
    if image.has_transparency_data:
        from PIL import Image

        layered = image.convert("RGBA")
        if layered.getextrema()[3][0] < WHITE:
            done.append("see-through")
        beneath = Image.new("RGBA", layered.size, (WHITE, WHITE, WHITE, WHITE))
        beneath.alpha_composite(layered)
        image = beneath.convert("L" if image.mode in ("LA", "La", "L", "1") else "RGB")
    is_grey = image.mode in ("1", "L", "LA", "La")
    return image.convert("L" if is_grey else "RGB"), done


def pixels_of(image: Any, most: int) -> Any:
    """(height, width, 1 or 3), no side longer than `most`."""
    if max(image.size) > most:
        image.thumbnail((most, most), reducing_gap=2.0)
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
