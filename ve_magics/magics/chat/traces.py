"""An error as a model should see it: type, message, and a traceback without the frames of libraries in between."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import PurePath

FRAMES = 12
"""Most frames that are shown."""
_INNER = 3
"""Frames of libraries that are shown at the end."""
_MESSAGE = 4_000
_CELL = re.compile(r"ipykernel_\d+|<ipython-input|<cell|<stdin>|<string>")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")

FIX_PROMPT = "Explain this error and show the corrected cell."


def trace(error: BaseException) -> str:
    """Return an error in words: its causes first, each with type, message and a trimmed traceback.

    Addresses of objects are left out, so that the same error reads the same in the next kernel.
    """
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    link = ""
    while current is not None and id(current) not in seen and len(chain) < 5:
        seen.add(id(current))
        chain.append((current, link))
        if current.__cause__ is not None:
            current, link = current.__cause__, "That was the direct cause of:"
        elif current.__context__ is not None and not current.__suppress_context__:
            current, link = current.__context__, "While that was handled, this happened:"
        else:
            current = None
    blocks = []
    for one, after in reversed(chain):
        blocks.append(_one(one))
        if after:
            blocks.append(after)
    return _ADDRESS.sub("0x…", "\n\n".join(blocks))


def _one(error: BaseException) -> str:
    said = "".join(traceback.format_exception_only(error)).rstrip("\n")
    if len(said) > _MESSAGE:
        said = f"{said[:_MESSAGE]}\n[cut: the first {_MESSAGE:,} of {len(said):,} characters]"
    said = re.sub(r'File "([^"\n]*)"', lambda found: _place(found[1]), said)
    frames = [*_frames(error)]
    return "\n".join(["Traceback (most recent call last):", *frames, said]) if frames else said


def _frames(error: BaseException) -> Iterator[str]:
    """Yield the frames of cells, and the last ones of libraries."""
    found = [*traceback.extract_tb(error.__traceback__)]
    first = next((index for index, frame in enumerate(found) if _CELL.search(frame.filename)), 0)
    found = found[first:]
    kept = [
        index
        for index, frame in enumerate(found)
        if _CELL.search(frame.filename) or index >= len(found) - _INNER
    ]
    left_out = max(0, len(kept) - FRAMES)
    if left_out:
        kept = [*kept[: FRAMES // 2], *kept[-FRAMES // 2 :]]
    last = -1
    for index in kept:
        if index != last + 1:
            yield f"  … {index - last - 1} frames left out"
        last = index
        frame = found[index]
        yield f"  {_place(frame.filename)}, line {frame.lineno}, in {frame.name}"
        if frame.line:
            yield f"    {frame.line}"


def _place(filename: str) -> str:
    """Return where a frame is without telling the machine's folders."""
    return "cell" if _CELL.search(filename) else f"File {'/'.join(PurePath(filename).parts[-2:])!r}"


def failure_of(error: BaseException, cell: str) -> str:
    """Return what `--fix` sends with the question: the cell that failed, and its error.

    Args:
        error: What went wrong.
        cell: The source of the cell; empty where it is not known.
    """
    parts = [f"The cell:\n\n{fenced(cell.rstrip(), 'python')}"] if cell.strip() else []
    return "\n\n".join([*parts, f"The error:\n\n{fenced(trace(error))}"])


def fenced(text: str, language: str = "") -> str:
    """Return text as a Markdown code block, whatever backticks it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
