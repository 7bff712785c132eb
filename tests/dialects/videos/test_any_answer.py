"""Whatever a provider answers, a dialect reads it or says in its own errors that it can't."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.dialects.videos.contract import VideoPage
from ve_magics.dialects.videos.registry import VIDEO_DIALECTS, get_video_dialect
from ve_magics.errors import VeError
from ve_magics.jobs import JobReply

FOLDER = Path(__file__).parents[2] / "fixtures" / "videos"


def _names(value: Any) -> set[str]:
    """Return every name in a JSON value."""
    match value:
        case dict():
            return set(value).union(*map(_names, value.values()))
        case list():
            return set().union(*map(_names, value))
        case _:
            return set()


BODIES = [json.loads(file.read_text("utf-8")).get("body") for file in sorted(FOLDER.glob("*/*.json"))]
NAMES = sorted(set().union(*map(_names, BODIES)))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["succeeded", "Success", "COMPLETED", "failed", "https://x.test/v.mp4", "https://[", "1e999"]
    ),
)
ANSWERS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("name", VIDEO_DIALECTS)
@given(
    value=ANSWERS, body=st.sampled_from(BODIES), status=st.sampled_from([200, 202, 204, 400, 404, 429, 503])
)
def test_any_answer_is_read_or_refused(name: str, value: Any, body: Any, status: int) -> None:
    """Values of any type in any place, and the answers of other providers: no surprise gets out."""
    dialect = get_video_dialect(name)
    mixed = {**body, **value} if isinstance(body, dict) and isinstance(value, dict) else value
    raw = json.dumps(mixed).encode()
    for decode, kind in (
        (dialect.decode_create, JobReply),
        (dialect.decode_poll, JobReply),
        (dialect.decode_list, VideoPage),
    ):
        with suppress(VeError):
            assert isinstance(decode(status, {}, raw), kind)
    with suppress(VeError):
        dialect.decode_done(status, {}, raw)


@pytest.mark.parametrize("name", VIDEO_DIALECTS)
@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 100_000, b"<!doctype html><title>Busy</title>", b"null"]
)
@pytest.mark.parametrize("status", [200, 502])
def test_rubbish_is_refused(name: str, body: bytes, status: int) -> None:
    """Nothing, no text, a bomb of brackets, a web page: never a job."""
    dialect = get_video_dialect(name)
    for decode in (dialect.decode_create, dialect.decode_poll):
        with pytest.raises(VeError):
            decode(status, {}, body)
