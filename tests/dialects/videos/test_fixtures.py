"""Each video dialect against its wire fixtures, which were written apart from it (tests/fixtures/videos/README.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import pytest

from ve_magics import errors
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, VideoDialect
from ve_magics.dialects.videos.forms import decode_form
from ve_magics.dialects.videos.registry import VIDEO_DIALECTS, get_video_dialect
from ve_magics.jobs import Job, JobReply, VideoRequest, applied
from ve_magics.providers import PROVIDERS, Provider

FOLDER = Path(__file__).parents[2] / "fixtures" / "videos"
FILES = sorted(file for file in FOLDER.glob("*/*.json") if file.parent.name in VIDEO_DIALECTS)
CALLS = ("create", "poll", "list", "cancel", "delete", "fetch")
KEY = "ve-key-1"


def provider_of(fixture: Mapping[str, Any], dialect: str) -> Provider:
    """Return the provider that the fixture names, else the first that speaks the dialect, else a made-up one."""
    if "provider" in fixture:
        return PROVIDERS[fixture["provider"]].filming
    made_up = Provider(name="made-up", base_url="https://provider.test/v1", video=dialect)
    return next((row.filming for row in PROVIDERS.values() if row.video == dialect), made_up)


def job_of(fixture: Mapping[str, Any], provider: Provider, dialect: VideoDialect) -> Job:
    """Return the job that the fixture describes, with the answers that came before folded in."""
    known = {"id": "video_1", "provider": provider.name, "provider_job_id": "job-1", "state": "running"}
    request = fixture.get("request") or {"prompt": "a fox"}
    job = msgspec.convert({**known, "request": request, **fixture.get("job", {})}, Job)
    for answer in fixture.get("before", ()):
        for reply in decode(dialect, answer):
            job = applied(job, reply, 1000.0)
    return job


def compare_body(found: object, expect: object, where: str = "body") -> None:
    """Hold a JSON value against the fixture's; `{"$any": [...]}` stands for one of several that are the same.

    A name that ends in a question mark may be missing. A whole number is no fraction: some providers refuse `5.0`.
    """
    if isinstance(expect, dict) and expect.keys() == {"$any"}:
        assert found in expect["$any"], where
    elif isinstance(expect, dict):
        assert isinstance(found, dict), where
        names = {name.removesuffix("?") for name in expect if not name.endswith("?") or name[:-1] in found}
        assert found.keys() == names, where
        for name in names:
            compare_body(
                found[name], expect[name] if name in expect else expect[f"{name}?"], f"{where}.{name}"
            )
    elif isinstance(expect, list):
        assert isinstance(found, list), where
        assert len(found) == len(expect), where
        for index, value in enumerate(expect):
            compare_body(found[index], value, f"{where}[{index}]")
    else:
        assert (type(found), found) == (type(expect), expect), where


def compare_request(wire: WireRequest | None, expect: Mapping[str, Any], provider: Provider) -> None:
    """Hold a call against what the fixture says of it; its path follows the base URL, or the host."""
    assert wire is not None
    assert wire.method == expect["method"]
    paths = [expect["path"]] if isinstance(expect["path"], str) else expect["path"]
    assert {wire.path, urlsplit(provider.base_url + wire.path).path} & set(paths), wire.path
    if "query" in expect:
        assert dict(wire.query) == expect["query"]
    headers = dict((*provider.headers, *wire.headers))
    for name, value in expect.get("headers", {}).items():
        assert headers.get(name.lower()) == value, name
    if "body" in expect:
        compare_body(json.loads(wire.body), expect["body"])
    if "form" in expect:
        parts = decode_form(headers["content-type"], wire.body)
        assert {part.name: part.text for part in parts} == expect["form"]


def compare_reply(reply: JobReply, expect: Mapping[str, Any]) -> None:
    """Hold what a dialect read against what the fixture means; fields that it doesn't name are not looked at."""
    said = cast("dict[str, Any]", msgspec.to_builtins(reply))
    for name, value in expect.items():
        found = getattr(reply, name)
        if name == "failure":
            assert reply.failure is not None
            for field, wanted in value.items():
                told = getattr(reply.failure, field)
                assert wanted in told if field == "message" else told == wanted, (field, told)
        elif name in ("progress", "cost", "seconds") and value is not None:
            assert found == pytest.approx(value), name
        else:
            assert (tuple(found) if name == "urls" else found) == (
                tuple(value) if name == "urls" else value
            ), (name, said)
    if "failure" not in expect:
        assert reply.failure is None, said


def encode(dialect: VideoDialect, fixture: Mapping[str, Any], provider: Provider) -> WireRequest | None:
    """Make the call of a fixture."""
    match fixture["call"]:
        case "create":
            request = msgspec.convert(fixture["request"], VideoRequest)
            return dialect.encode_create(request, provider, KEY)
        case "poll":
            return dialect.encode_poll(job_of(fixture, provider, dialect))
        case "cancel":
            return dialect.encode_cancel(job_of(fixture, provider, dialect))
        case "delete":
            return dialect.encode_delete(job_of(fixture, provider, dialect))
        case _:
            return dialect.encode_list(fixture.get("after", ""))


def decode(dialect: VideoDialect, fixture: Mapping[str, Any]) -> tuple[JobReply, ...]:
    """Read the answer of a fixture."""
    body = fixture["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    answer = fixture.get("status", 200), fixture.get("headers", {}), raw
    match fixture["call"]:
        case "create":
            return (dialect.decode_create(*answer),)
        case "poll":
            return (dialect.decode_poll(*answer),)
        case "list":
            return dialect.decode_list(*answer).replies
        case _:
            dialect.decode_done(*answer)
            return ()


def compare_sources(dialect: VideoDialect, fixture: Mapping[str, Any], provider: Provider) -> None:
    """Hold the places where a file may be had against those of the fixture, best first."""
    sources = dialect.encode_fetch(
        job_of(fixture, provider, dialect), provider, fixture.get("variant", "video")
    )
    assert len(sources) == len(fixture["expect"]["sources"])
    for source, expect in zip(sources, fixture["expect"]["sources"], strict=True):
        if "url" in expect:
            assert isinstance(source, Link)
            assert (source.url, source.keyed) == (expect["url"], expect.get("keyed", False))
        else:
            wire = source if isinstance(source, WireRequest) else getattr(source, "request", None)
            compare_request(wire, expect, provider)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_dialect_speaks_as_its_fixture_says(file: Path) -> None:
    """Each call is encoded as the fixture has it, and each answer means what the fixture says that it means."""
    fixture = json.loads(file.read_text(encoding="utf-8"))
    assert fixture["about"]
    assert fixture["call"] in CALLS
    dialect = get_video_dialect(file.parent.name)
    provider = provider_of(fixture, file.parent.name)
    if fixture["call"] == "fetch":
        compare_sources(dialect, fixture, provider)
        return
    if "error" in fixture:
        expect = fixture["error"] if isinstance(fixture["error"], dict) else {"class": fixture["error"]}
        with pytest.raises(getattr(errors, expect["class"])) as caught:
            _ = decode(dialect, fixture) if "body" in fixture else encode(dialect, fixture, provider)
        assert type(caught.value).__name__ == expect["class"]
        assert expect.get("message", "") in str(caught.value)
        for name in expect.keys() - {"class", "message"}:
            assert getattr(caught.value, name) == expect[name], name
        return
    if "expect_request" in fixture:
        if fixture["expect_request"] is None:
            assert encode(dialect, fixture, provider) is None
        else:
            compare_request(encode(dialect, fixture, provider), fixture["expect_request"], provider)
    if "body" in fixture:
        replies = decode(dialect, fixture)
        expect = fixture.get("expect", {})
        wanted = expect["replies"] if fixture["call"] == "list" else [expect] if replies else []
        assert len(replies) == len(wanted)
        for reply, one in zip(replies, wanted, strict=True):
            compare_reply(reply, one)


def test_every_folder_of_fixtures_is_read() -> None:
    """A folder with another name than a dialect's would be passed over in silence."""
    folders = {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}
    assert folders <= VIDEO_DIALECTS.keys()
    assert len(FILES) > 200
