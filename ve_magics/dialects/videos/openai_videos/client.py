"""Asking a provider for a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Variant, VideoPage, may_carry_key
from ve_magics.dialects.videos.forms import FormPart, encode_form
from ve_magics.dialects.videos.limits import check_limits, check_prompt, size_of
from ve_magics.dialects.videos.openai_videos.answers import decode_object, decode_reply
from ve_magics.dialects.videos.openai_videos.table import LIMITS, NAME
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest
from ve_magics.messages import Image
from ve_magics.providers import Provider

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "video/mp4": "mp4"}
_NO_FIELD = ("last_frame", "audio")


class OpenAIVideos:
    """The client's side of OpenAI's video format."""

    name = NAME
    honours_keys = False

    def check(self, request: VideoRequest) -> None:
        """Look at a request before money is spent on it; raises as the contract says."""
        check_prompt(request)
        for field in _NO_FIELD:
            if getattr(request, field) is not None:
                raise UnsupportedError(field, self.name)
        if request.count not in (None, 1):
            raise UnsupportedError("count", self.name, hint="Ask once for each video.")
        _picture(request)
        if request.remix_of:
            _check_remix(request)
        check_limits(request, LIMITS.get(request.model), self.name)
        size_of(request)

    def encode_create(self, request: VideoRequest, provider: Provider, key: str) -> WireRequest:
        """Return the call that has a video made or remixed; raises as the contract says.

        It is a form, as every server of this format takes it; JSON where the picture is an address or a file's id,
        or the request holds fields of the provider that are no plain values.
        """
        self.check(request)
        headers = (("idempotency-key", key),) if key else ()
        if request.remix_of:
            path = f"/videos/{quote(request.remix_of, safe='')}/remix"
            body = msgspec.json.encode({"prompt": request.prompt, **request.extra})
            return WireRequest(path, body, headers=(("content-type", "application/json"), *headers))
        fields = _fields(request)
        picture = _picture(request)
        structured = any(isinstance(value, (dict, list, tuple)) for value in request.extra.values())
        if (picture and not picture.data) or (structured and not picture):
            if picture:
                if picture.url and not provider.quirks.image_urls:
                    raise UnsupportedError("first_frame", self.name, hint="Give the picture itself.")
                fields["input_reference"] = (
                    {"file_id": picture.file_id} if picture.file_id else {"image_url": picture.url}
                )
            body = msgspec.json.encode(fields)
            return WireRequest("/videos", body, headers=(("content-type", "application/json"), *headers))
        parts = [FormPart(name, _plain(value).encode()) for name, value in fields.items()]
        if picture:
            media_type = picture.media_type or "application/octet-stream"
            filename = f"input_reference.{_ENDINGS.get(media_type, 'bin')}"
            parts.append(FormPart("input_reference", picture.data, filename, media_type))
        content_type, body = encode_form(parts)
        return WireRequest("/videos", body, headers=(("content-type", content_type), *headers))

    def decode_create(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a create call; raises as the contract says."""
        return decode_reply(decode_object(status, headers, body), headers)

    def encode_poll(self, job: Job) -> WireRequest:
        """Return the call that asks how far a job is."""
        return WireRequest(_path(job), method="GET", headers=())

    def decode_poll(self, status: int, headers: Mapping[str, str], body: bytes) -> JobReply:
        """Read the answer to a poll; raises as the contract says."""
        return decode_reply(decode_object(status, headers, body), headers)

    def encode_fetch(self, job: Job, provider: Provider, variant: Variant) -> tuple[WireRequest | Link, ...]:
        """Return where the file may be had: the addresses that the provider named, then its own endpoint."""
        query = () if variant == "video" else (("variant", variant),)
        own = WireRequest(f"{_path(job)}/content", method="GET", headers=(), query=query, stream=True)
        if variant != "video":
            return (own,)
        return (*(Link(url, may_carry_key(url, provider)) for url in job.urls), own)

    def encode_cancel(self, job: Job) -> WireRequest | None:  # noqa: ARG002 - the contract's argument
        """Return None: the format has no such call, and deleting a running job is not documented."""
        return None

    def encode_delete(self, job: Job) -> WireRequest | None:
        """Return the call that has a finished job deleted."""
        return WireRequest(_path(job), method="DELETE", headers=())

    def decode_done(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Read the answer to a delete call; raises as the contract says."""
        if status >= 300:
            decode_object(status, headers, body)

    def encode_list(self, after: str = "") -> WireRequest | None:
        """Return the call that lists the newest jobs."""
        query = (("limit", "100"), ("order", "desc"), *((("after", after),) if after else ()))
        return WireRequest("/videos", method="GET", headers=(), query=query)

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        """Read a part of the list; raises as the contract says."""
        value = decode_object(status, headers, body)
        items = value.get("data")
        replies = tuple(
            decode_reply(item, {})
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict) and (item.get("id") or item.get("task_id"))
        )
        after = replies[-1].provider_job_id if replies and value.get("has_more") is True else ""
        return VideoPage(replies, after)


def _path(job: Job) -> str:
    return f"/videos/{quote(job.provider_job_id, safe='')}"


def _picture(request: VideoRequest) -> Image | None:
    """Return the one picture that the format can carry."""
    pictures = (*((request.first_frame,) if request.first_frame else ()), *request.references)
    if len(pictures) > 1:
        raise UnsupportedError("references", NAME, hint="It takes one picture.")
    return pictures[0] if pictures else None


def _check_remix(request: VideoRequest) -> None:
    given = {"first_frame": _picture(request), "seconds": request.seconds, "size": size_of(request)}
    given |= {"seed": request.seed, "negative_prompt": request.negative_prompt}
    for field, value in given.items():
        if value not in (None, ""):
            raise UnsupportedError(field, NAME, message=f"A remix takes a prompt only, not {field!r}.")


def _fields(request: VideoRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"prompt": request.prompt}
    if request.model:
        fields["model"] = request.model
    if request.seconds is not None:
        fields["seconds"] = f"{request.seconds:g}"
    if size := size_of(request):
        fields["size"] = size
    if request.seed is not None:
        fields["seed"] = request.seed
    if request.negative_prompt:
        fields["negative_prompt"] = request.negative_prompt
    return {**fields, **request.extra}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
