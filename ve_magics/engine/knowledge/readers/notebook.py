"""Jupyter notebooks: Markdown cells, code cells, and the text that they gave out."""

from __future__ import annotations

import json
from typing import Any

from ve_magics.engine.knowledge.readers import markdown
from ve_magics.engine.knowledge.readers.blocks import Block, Reading, UnreadableError, lined

MOST_OUTPUT = 4_000
"""Characters of one cell's output that are read."""


def read(text: str) -> Reading:
    """Return the blocks of a notebook; what counts as a page is the cell, from 1.

    Raises:
        UnreadableError: It is no notebook.
    """
    try:
        cells = json.loads(text)["cells"]
        if not isinstance(cells, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableError("it is no notebook of format 4") from None
    blocks: list[Block] = []
    title = ""
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        source = lined(_joined(cell.get("source")))
        match cell.get("cell_type"):
            case "markdown":
                found = markdown.read(source, line=0)
                blocks += found.blocks
                title = title or found.title
            case "code" if source.strip():
                blocks.append(Block(source.strip("\n"), "code"))
                blocks += [Block(said, "code") for said in _outputs(cell.get("outputs"))]
            case _:
                pass
    return Reading(blocks, title)


def _outputs(outputs: Any) -> list[str]:
    said = []
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            data = output.get("data")
            plain = data.get("text/plain") if isinstance(data, dict) else None
            text = lined(_joined(output.get("text", plain)))[:MOST_OUTPUT].strip("\n")
            if text.strip():
                said.append(text)
    return said


def _joined(value: Any) -> str:
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
