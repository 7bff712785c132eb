"""Source code: parted where a definition begins, so that a passage is a function and not half of two."""

from __future__ import annotations

import re
from itertools import pairwise

from ve_magics.engine.knowledge.readers.blocks import Block, Reading

_WORDS_BEFORE = (
    "export|default|public|private|protected|internal|static|abstract|final|async|unsafe|inline|const|extern|virtual"
    r"|override|open|sealed|data|partial|pub(?:\([^)]*\))?"
)
_KINDS = "def|class|function\\*?|func|fn|fun|interface|struct|enum|trait|impl|module|record|object"
_MORE_KINDS = "namespace|type|protocol|sub|proc|macro|CREATE|create"
_DEFINITION = re.compile(rf"(?:(?:{_WORDS_BEFORE}) )*(?:{_KINDS}|{_MORE_KINDS})\s+[\w\"`(\[<*]")
_NAME = re.compile(rf"(?:{_KINDS})\s+(?:\([^()]{{0,200}}\)\s*)?(\w+)")
_ABOVE = re.compile(r"(?:@|#|//|/\*|\*|--|;|\"\"\"|''')")


def read(text: str) -> Reading:
    """Return the definitions of a source file, each headed by its name."""
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if _DEFINITION.match(line)]
    edges = [0, *sorted({above for at in starts if (above := _above(lines, at))}), len(lines)]
    blocks: list[Block] = []
    for begin, end in pairwise(edges):
        body = "\n".join(lines[begin:end]).rstrip()
        if not body.strip():
            continue
        skipped = len(body) - len(body.lstrip("\n"))
        named = next(
            (match for line in lines[begin:end] if _DEFINITION.match(line) and (match := _NAME.search(line))),
            None,
        )
        if named:
            blocks.append(Block(named[1], "heading", 1, line=begin + 1))
        elif blocks:
            blocks.append(Block("", "heading", 1, line=begin + 1))
        blocks.append(Block(body.strip("\n"), "code", line=begin + 1 + skipped))
    return Reading(blocks)


def _above(lines: list[str], at: int) -> int:
    """Return where a definition begins with the comments and decorators right above it."""
    while at and _ABOVE.match(lines[at - 1]):
        at -= 1
    return at
