"""A file over HTTP: whole or in part (RFC 9110, section 14), as fast as its reader takes it, and never in memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ve_magics.errors import BadRequestError
from ve_magics.server.http import Headers, Reply
from ve_magics.server.refusals import ClientLeftError
from ve_magics.server.stream import STALL

PIECE = 256 * 1024
"""Bytes that are read and sent at a time."""

_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,19})\s*-\s*(\d{0,19})|-\s*(\d{1,19}))", re.IGNORECASE | re.ASCII)


class Part(NamedTuple):
    """A part of a file: from its first byte up to, and without, its last."""

    start: int
    end: int


def wanted_part(header: str, size: int) -> Part | None:
    """Return the part that a `range` header names; None for the whole file.

    A header that can't be read, and one that names several parts, are ignored, as the standard allows.

    Args:
        header: The header.
        size: Bytes of the file.

    Raises:
        BadRequestError: The file has no such part (416).
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last, tail = found.groups()
    if tail is not None:
        start, end = max(0, size - int(tail)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        error = BadRequestError(
            f"The file has {size} bytes and not this part.", status=416, code="invalid_range", param="range"
        )
        error.http_status = 416
        raise error
    return Part(start, end)


async def send_file(
    reply: Reply,
    path: Path,
    media_type: str,
    *,
    method: str,
    asked: Mapping[str, str],
    headers: Headers = (),
    refuse: bytes = b"",
    stall: float = STALL,
) -> int:
    """Send a file, or the part of it that is asked for; returns how many of its bytes were sent.

    Args:
        reply: Where it goes.
        path: The file.
        media_type: Its type.
        method: `GET`, or `HEAD` for the headers alone.
        asked: The request's headers, names in lower case.
        headers: More headers of the reply.
        refuse: Body of the reply to a part that the file doesn't have.
        stall: Seconds for which the client may read nothing.

    Raises:
        OSError: The file can't be read.
        ClientLeftError: The client reads nothing any more.
    """
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        size = facts.st_size
        tag = f'"{facts.st_mtime_ns:x}-{size:x}"'
        changed = formatdate(int(facts.st_mtime), usegmt=True)
        own = (("accept-ranges", "bytes"), ("etag", tag), ("last-modified", changed), *headers)
        known = [one.strip().removeprefix("W/") for one in asked.get("if-none-match", "").split(",")]
        if tag in known or "*" in known:
            await reply.begin(304, own)
            await reply.write(b"", more=False)
            return 0
        part = Part(0, size)
        status = 200
        extra: Headers = ()
        if method == "GET" and asked.get("if-range", tag).strip() in (tag, changed):
            try:
                found = wanted_part(asked.get("range", ""), size)
            except BadRequestError:
                await reply.whole(416, refuse, headers=(("content-range", f"bytes */{size}"), *own))
                return 0
            if found is not None:
                part, status = found, 206
                extra = (("content-range", f"bytes {part.start}-{part.end - 1}/{size}"),)
        length = str(part.end - part.start)
        await reply.begin(status, (("content-type", media_type), ("content-length", length), *extra, *own))
        if method == "HEAD" or part.start == part.end:
            await reply.write(b"", more=False)
            return 0
        return await _pour(file, part, reply, stall)


async def _pour(file: BinaryIO, part: Part, reply: Reply, stall: float) -> int:
    """Send a part of an open file, a piece when the one before was taken."""
    file.seek(part.start)
    left = part.end - part.start
    while left:
        data = await asyncio.to_thread(file.read, min(PIECE, left))
        if not data:  # it was cut short meanwhile: the connection must not look whole
            reply.abort()
            raise ClientLeftError
        left -= len(data)
        try:
            async with asyncio.timeout(stall):
                await reply.write(data, more=left > 0)
        except TimeoutError:
            reply.abort()
            raise ClientLeftError from None
    return part.end - part.start
