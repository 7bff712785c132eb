"""What interfaces of tasks have in common is said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ve_magics.dialects.videos.contract import Link, VideoPage
from ve_magics.dialects.videos.reading import decode_object
from ve_magics.dialects.videos.tasks import TaskDialect, check_said, needed_id, present, whole_seconds
from ve_magics.errors import BadRequestError, DecodeError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.providers import Provider

PROVIDER = Provider(name="p", base_url="https://api.test/v1")
JOB = Job(
    id="own",
    provider="p",
    request=VideoRequest(prompt="a fox"),
    urls=("https://api.test/v.mp4", "https://files.test/v.mp4"),
)


class Plain(TaskDialect):
    name = "plain"

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        return decode_object(status, headers, body)


def test_the_key_goes_to_the_providers_own_host_only() -> None:
    """Files lie at a network of somebody else as a rule; pictures there are none."""
    assert Plain().encode_fetch(JOB, PROVIDER, "video") == (
        Link("https://api.test/v.mp4", keyed=True),
        Link("https://files.test/v.mp4"),
    )
    assert Plain().encode_fetch(JOB, PROVIDER, "thumbnail") == ()


def test_what_there_is_no_call_for_is_none() -> None:
    """Nothing is sent where the provider has no such call."""
    plain = Plain()
    assert (plain.encode_cancel(JOB), plain.encode_delete(JOB), plain.encode_list("x")) == (None, None, None)
    assert plain.decode_list(200, {}, b"{}") == VideoPage(())
    assert not plain.honours_keys


def test_a_call_is_done_unless_the_provider_says_otherwise() -> None:
    """An empty answer is a good one; a refusal is raised, also one without a word."""
    plain = Plain()
    plain.decode_done(204, {}, b"")
    plain.decode_done(200, {}, b"{}")
    with pytest.raises(BadRequestError):
        plain.decode_done(400, {}, b"{}")
    with pytest.raises(BadRequestError):
        plain.decode_done(400, {}, b"")


def test_a_field_that_cannot_be_said_is_named() -> None:
    """One video is what everybody makes; more of them, or a seed, may be too much."""
    hints = {"count": "Ask once for each video.", "seed": "", "audio": ""}
    check_said(VideoRequest(prompt="a fox", count=1), "plain", hints)
    for field, value in (("count", 2), ("seed", 0), ("audio", False)):
        with pytest.raises(UnsupportedError) as caught:
            check_said(VideoRequest(prompt="a fox", **{field: value}), "plain", hints)  # type: ignore[arg-type]  # one field at a time
        assert (caught.value.field, caught.value.hint) == (field, hints[field])


def test_seconds_are_whole() -> None:
    """A part of a second is refused, with the nearest length."""
    assert whole_seconds(VideoRequest(prompt="x"), "plain") is None
    assert whole_seconds(VideoRequest(prompt="x", seconds=5.0), "plain") == 5
    with pytest.raises(UnsupportedError, match=r"5.6 seconds can't be asked for(.|\n)*nearest is 6"):
        whole_seconds(VideoRequest(prompt="x", seconds=5.6), "plain")


def test_nothing_is_said_of_what_is_not_asked() -> None:
    """Zero and no are values; nothing is none."""
    pairs: tuple[tuple[str, object], ...] = (
        ("a", None),
        ("b", ""),
        ("c", []),
        ("d", 0),
        ("e", False),
        ("f", "x"),
    )
    assert present(pairs) == {"d": 0, "e": False, "f": "x"}


def test_a_task_has_an_id() -> None:
    """Without one it could never be found again."""
    assert needed_id("t") == "t"
    with pytest.raises(DecodeError, match="no id"):
        needed_id("")
