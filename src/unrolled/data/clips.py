"""Clips: sequences of frames. In: folders of frames, animations, arrays. Out: `SeriesSet`.

    clips/waving/1.gif            a folder for each class; a clip in it is an animated picture (GIF,
    clips/waving/2/0001.png       WebP, PNG), a folder of frames in the order of their names, or an
    clips/resting/3.npz           array (frames, height, width[, 3]); a still picture is one frame
    table.csv                     a column of files (or folders), and one of labels
    all.npz                       x (clips, frames, height, width[, 3]) and y

The values of such a set are arrays (frames, height, width, 1 or 3) of 8 bits. Next: classify.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.canvas import Canvas, as_clip
from unrolled.data.labels import CLASSES, LABEL_NAMES, Answers
from unrolled.data.notes import Notes, listed
from unrolled.data.opening import existing, kind_of
from unrolled.data.pictures import ENDINGS, flat, opened_picture, pixels_of, read_picture
from unrolled.data.series import SeriesSet, npz_arrays
from unrolled.data.tables import FileTable
from unrolled.errors import ArgumentError, DataError

SIDE = 48  # pixels of the longer side of a frame, at most
FRAMES = 64  # of a clip: a longer one is sampled at this many evenly spaced frames
FILE_NAMES = ("clip", "video", "file", "path", "file_name", "filename")
CLIPS = (*ENDINGS, ".npz")
LOOKED_AT = 1_000  # entries of a folder that are checked to find out what it contains


def holds_clips(source: str | Path | FileTable) -> bool:
    """Whether a folder, a table or a file of arrays contains clips, not texts or series."""
    if isinstance(source, FileTable):
        return _column_of_files(source) is not None
    path = Path(source)
    if path.is_dir():
        some = (one for _, one in zip(range(LOOKED_AT), path.rglob("*")))
        kinds = Counter(one.suffix.lower() in CLIPS for one in some if one.is_file())
        return kinds[True] > kinds[False]
    if path.suffix.lower() in ENDINGS:
        return True
    if kind_of(existing(path)) == ".npz":
        x = npz_arrays(path).get("x")
        return x is not None and x.ndim >= 4
    return False


def read_clips(
    source: str | Path | FileTable,
    label: str | None,
    *,
    learning: bool = True,
    answers: Answers = CLASSES,
) -> SeriesSet:
    """All clips, with their labels."""
    notes = Notes()
    found, failed, thinned = SeriesSet([], [], ["frame"], [], notes), [], 0
    labels: list[str] = []
    for name, content, said in _labelled(source, label):
        if said is None or not said.strip():
            failed.append(f"{name} has no label")
            continue
        try:
            clip, was = read_clip(content) if isinstance(content, Path) else (content, 0)
        except DataError as error:
            failed.append(str(error))
            continue
        thinned += was > FRAMES
        found.values.append(clip)
        found.rows.append(name)
        labels.append(said)
    total = len(found) + len(failed)
    if not len(found):
        raise DataError(f"{source} contains no readable clip: {(failed or ['no file'])[0]}")
    if failed:
        notes.count(len(failed), total, "clips", f"were left out (the first: {failed[0]})")
    note_thinned(notes, thinned, total)
    where = source.path if isinstance(source, FileTable) else Path(source)
    read = answers.read(labels, label or answers.what, where, notes)
    kept = [row for row, one in enumerate(read) if one is not None]
    names = [str(read[row]) for row in kept]
    if learning:
        answers.check(names, label or answers.what, notes)
    values, rows = ([of[row] for row in kept] for of in (found.values, found.rows))
    return replace(found, values=values, rows=rows, labels=names)


def clip_stream(source: str | Path | FileTable, notes: Notes) -> Iterator[tuple[str, Any]]:
    """The name and the frames of each clip of an unlabeled source, one by one; None for the frames
    of an unreadable one."""
    failed, total, thinned = [], 0, 0
    for name, content in _unlabelled(source):
        total += 1
        try:
            clip, was = read_clip(content) if isinstance(content, Path) else (content, 0)
        except DataError as error:
            failed.append(str(error))
            yield name, None
            continue
        thinned += was > FRAMES
        yield name, clip
    note_thinned(notes, thinned, total)
    if failed:
        notes.count(len(failed), total, "clips", f"have no prediction (the first: {failed[0]})")
    if len(failed) == total:
        first = failed[0] if failed else "no file"
        raise DataError(f"{source} contains no readable clip: {first}")


def note_thinned(notes: Notes, count: int, total: int) -> None:
    notes.count(
        count, total, "clips", f"are longer than {FRAMES} frames: so many were read, evenly spaced"
    )


def read_clip(path: Path) -> tuple[Any, int]:
    """The frames that are read of a clip, and the total number of its frames."""
    if path.is_dir():
        frames = [one for one in sorted(path.iterdir(), key=natural) if _is_picture(one)]
        if not frames:
            raise DataError(f"the folder {path} contains no frame: name one with PNG or JPEG files")
        kept = [read_picture(frames[place], SIDE).pixels for place in spread(len(frames))]
        return _of_one_size(kept), len(frames)
    path = existing(path)
    if path.suffix.lower() == ".npz":
        arrays = npz_arrays(path)
        frames_of = arrays.get("frames", arrays.get("x", next(iter(arrays.values()), None)))
        if frames_of is None:
            raise DataError(f"{path} contains no array: save the frames with numpy.savez(x=...)")
        return _from_array(frames_of, path)
    with opened_picture(path) as image:
        count = getattr(image, "n_frames", 1)
        frames_read = []
        for place in spread(count):
            image.seek(place)
            frames_read.append(pixels_of(flat(image.copy(), path)[0], SIDE))
        return _of_one_size(frames_read), count


def spread(count: int) -> list[int]:
    """The indices of the frames to read, out of `count`."""
    if count <= FRAMES:
        return list(range(count))
    return [int(place) for place in np.linspace(0, count - 1, FRAMES).round()]


def natural(path: Path) -> list[Any]:
    """The key for natural sorting: `frame10` comes after `frame9`."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in ENDINGS


def _of_one_size(frames: Sequence[Any]) -> Any:
    """Frames as one array; all are fitted to the size of the first."""
    high, wide = frames[0].shape[:2]
    canvas = Canvas(high, wide, max(one.shape[2] for one in frames))
    return np.stack([canvas(one) for one in frames])


def _from_array(values: Any, path: Path) -> tuple[Any, int]:
    try:
        clip = as_clip(values, str(path))
    except ArgumentError as error:
        raise DataError(str(error)) from None
    kept = clip[spread(len(clip))]
    return (_of_one_size([_smaller(one) for one in kept]), len(clip))


def _smaller(frame: Any) -> Any:
    high, wide = frame.shape[:2]
    if max(high, wide) <= SIDE:
        return frame
    share = SIDE / max(high, wide)
    size = (max(1, round(high * share)), max(1, round(wide * share)))
    return Canvas(*size, frame.shape[2])(frame)


def _labelled(
    source: str | Path | FileTable, label: str | None
) -> Iterator[tuple[str, Any, str | None]]:
    """The name of each clip, its path or frames, and its label."""
    if isinstance(source, FileTable):
        column = _column_of_files(source)
        assert column is not None, "the caller has checked that it has one"
        by_name = {name.lower(): name for name in source.columns}
        named = label or next((by_name[one] for one in LABEL_NAMES if one in by_name), None)
        if named is None:
            raise DataError(
                f"which column of {source.path} has the labels? name it with --label: there are "
                f"{listed(source.columns)}"
            )
        source.require(named, "--label")
        for file, said in zip(source.texts(column), source.texts(named)):
            yield str(file), source.path.parent / str(file), said
        return
    path = Path(source)
    if not path.is_dir():
        yield from _of_arrays(path)
        return
    for folder in sorted(one for one in path.iterdir() if one.is_dir()):
        for clip in _clips_in(folder):
            yield f"{folder.name}/{clip.name}", clip, folder.name


def _of_arrays(path: Path) -> Iterator[tuple[str, Any, str | None]]:
    if path.suffix.lower() in ENDINGS:
        raise DataError(f"{path} is a single clip: name a folder with a folder for each class")
    arrays = npz_arrays(path)
    x, y = arrays["x"], arrays.get("y")
    if y is None or y.shape != (len(x),) or y.dtype.kind not in "USiub":
        raise DataError(f"{path} contains {len(x)} clips in x, but not as many labels in y")
    for number, (frames, said) in enumerate(zip(x, y.tolist()), 1):
        yield f"clip {number}", _from_array(frames, path)[0], str(said)


def _unlabelled(source: str | Path | FileTable) -> Iterator[tuple[str, Any]]:
    if isinstance(source, FileTable):
        column = _column_of_files(source)
        if column is None:
            raise DataError(
                f"{source.path} has no column with names of clips: name it file; there are "
                f"{listed(source.columns)}"
            )
        for file in source.texts(column):
            yield str(file), source.path.parent / str(file)
        return
    path = Path(source)
    if not path.is_dir():
        arrays = npz_arrays(existing(path)) if path.suffix.lower() == ".npz" else {}
        if "x" in arrays and arrays["x"].ndim >= 4 and "frames" not in arrays:
            for number, frames in enumerate(arrays["x"], 1):
                yield f"clip {number}", _from_array(frames, path)[0]
        else:
            yield path.name, path
        return
    inside = [one for one in path.iterdir() if not one.name.startswith(".")]
    if any(one.is_dir() or one.suffix.lower() in (".gif", ".webp", ".npz") for one in inside):
        for clip in _clips_in(path):
            yield clip.name, clip
    else:
        yield path.name, path  # of frames


def _clips_in(folder: Path) -> list[Path]:
    """Files, and folders of frames."""
    return sorted(
        (one for one in folder.iterdir()
         if not one.name.startswith(".") and (one.is_dir() or one.suffix.lower() in CLIPS)),
        key=natural,
    )  # fmt: skip


def _column_of_files(table: FileTable) -> str | None:
    """The column with a known name whose cells are names of clips."""
    for name in table.columns:
        if name.lower() in FILE_NAMES:
            cells = [cell for cell in table.texts(name)[:LOOKED_AT] if cell]
            clips = sum(
                Path(cell).suffix.lower() in CLIPS or (table.path.parent / cell).is_dir()
                for cell in cells
            )
            if cells and clips > len(cells) / 2:
                return name
    return None
