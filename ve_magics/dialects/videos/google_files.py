"""Where Google keeps the films that it has made, and how they are read out of its answers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Packed, Source, may_carry_key
from ve_magics.errors import DecodeError
from ve_magics.jobs import Job
from ve_magics.providers import Provider

INSIDE = "inside"
"""Key of a job's handle: the film comes inside the answer to the poll."""

_FILE = re.compile(r"(?:https://[^/?#]+(?:/v1[a-z0-9]*)?/)?(files/[A-Za-z0-9_-]+)")
_BUCKET = re.compile(r"gs://([a-z0-9][a-z0-9._-]+)/(.+)")


def sources(
    job: Job, provider: Provider, poll: WireRequest, find: Callable[[object], str]
) -> tuple[Source, ...]:
    """Return where a film may be had.

    Args:
        job: The finished job.
        provider: Who made it.
        poll: The call that asks after it.
        find: Returns the film in base64 from the answer to that call, or nothing.
    """
    found: list[Source] = [_source(url, provider) for url in job.urls]
    if job.handle.get(INSIDE) is True:
        found.append(Packed(msgspec.structs.replace(poll, stream=True), lambda body: _unpack(body, find)))
    return tuple(found)


def _source(url: str, provider: Provider) -> Source:
    """Return how a file is fetched: as it is named, by its name in the Files API, or from its bucket."""
    file, bucket = _FILE.fullmatch(url), _BUCKET.fullmatch(url)
    own = not url.startswith("https://") or may_carry_key(url, provider)
    if file is not None and own:
        path, query = f"/{file[1]}:download", (("alt", "media"),)
        return WireRequest(path, method="GET", headers=(), query=query, stream=True)
    if bucket is not None:
        url = f"https://storage.googleapis.com/{bucket[1]}/{quote(bucket[2])}"
    return Link(url, may_carry_key(url, provider))


def _unpack(body: bytes, find: Callable[[object], str]) -> bytes:
    try:
        film = base64.b64decode(find(msgspec.json.decode(body)), validate=True)
    except (msgspec.DecodeError, RecursionError, binascii.Error, ValueError) as error:
        raise DecodeError("The provider's answer holds no video.") from error
    if not film:
        raise DecodeError("The provider's answer holds no video.")
    return film
