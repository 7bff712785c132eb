"""Four providers as their own documentation describes them, asked over whole HTTP requests, keys and all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.engine.video.world import LOST, World
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link, Packed
from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.calling import wire_call
from ve_magics.engine.keys import Secret
from ve_magics.engine.transport.wire import WireCall
from ve_magics.engine.video import VideoEngine
from ve_magics.errors import NotFoundError, TransportError
from ve_magics.providers import Provider

Answer = tuple[int, dict[str, Any]]
SECRET = "secret-key-of-a-test"
KEYS = {
    "kling": f"access-1:{SECRET}",
    "minimax": "mm-key-1",
    "dashscope": "ds-key-1",
    "volcengine": "ark-key-1",
}


class Vendor:
    """A provider that makes films: counts the tasks that it began, and answers as its documentation says.

    Attributes:
        polls: Questions about a task that it answers before the film is there.
        ending: What becomes of the tasks: `done`, `refused` by policy, or `gone`.
        tasks: The bodies of the create calls, by the task's id.
        asked: Every path that was asked for.
    """

    name = ""
    host = ""

    def __init__(self) -> None:
        self.polls = 2
        self.ending = "done"
        self.tasks: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.counts: dict[str, int] = {}
        self.addresses = 0

    def answer(self, call: WireCall) -> Answer:
        """Answer a whole HTTP request."""
        parts = urlsplit(call.url)
        assert (parts.scheme, parts.netloc) == ("https", self.host)
        headers = dict(call.headers)
        self.asked.append(f"{call.method} {parts.path}")
        if not self.knows(headers.get("authorization", "")):
            return self.stranger()
        body = json.loads(call.body) if call.body else {}
        return self.serve(call.method, parts.path, dict(parse_qsl(parts.query)), headers, body)

    def knows(self, authorization: str) -> bool:
        return authorization == f"Bearer {KEYS[self.name]}"

    def stranger(self) -> Answer:
        return 401, {}

    def serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: dict[str, Any],
    ) -> Answer:
        raise AssertionError

    def begin(self, body: dict[str, Any]) -> str:
        task = f"task-{len(self.tasks) + 1}"
        self.tasks[task] = body
        return task

    def turn(self, task: str) -> int:
        """Count a question about a task; returns 0 while it waits, 1 while it runs, 2 at the end."""
        self.counts[task] = self.counts.get(task, 0) + 1
        count = self.counts[task]
        return 2 if count > self.polls else 0 if count == 1 else 1

    def address(self) -> str:
        """Return a fresh address of a film; older ones are dead."""
        self.addresses += 1
        return f"https://files.example.com/film-{self.addresses}.mp4?sig={self.addresses}"


class MiniMax(Vendor):
    """The older interface of MiniMax."""

    name = "minimax"
    host = "api.minimax.io"

    def stranger(self) -> Answer:
        return 200, {"base_resp": {"status_code": 1004, "status_msg": "login fail"}}

    def serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: dict[str, Any],
    ) -> Answer:
        good = {"base_resp": {"status_code": 0, "status_msg": "success"}}
        if (method, path) == ("POST", "/v1/video_generation"):
            if "forbidden" in body["prompt"]:
                return 200, {
                    "task_id": "",
                    "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"},
                }
            return 200, {"task_id": self.begin(body), **good}
        if (method, path) == ("GET", "/v1/query/video_generation"):
            task = query["task_id"]
            assert task in self.tasks
            word = ["Queueing", "Processing", "Success"][self.turn(task)]
            if word == "Success" and self.ending == "refused":
                return 200, {
                    "task_id": task,
                    "status": "Fail",
                    "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"},
                }
            file = f"file-of-{task}" if word == "Success" else ""
            return 200, {"task_id": task, "status": word, "file_id": file, **good}
        assert (method, path) == ("GET", "/v1/files/retrieve")
        assert query["file_id"].removeprefix("file-of-") in self.tasks
        return 200, {
            "file": {"file_id": query["file_id"], "bytes": 1, "download_url": self.address()},
            **good,
        }


class Kling(Vendor):
    """Kling, with tokens that are signed by a pair of keys."""

    name = "kling"
    host = "api.klingai.com"

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[dict[str, Any]] = []

    def knows(self, authorization: str) -> bool:
        head, claims, signature = authorization.removeprefix("Bearer ").split(".")
        expected = hmac.new(SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
        if base64.urlsafe_b64decode(signature + "==") != expected:
            return False
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        self.tokens.append(said)
        return bool(said["iss"] == "access-1" and said["nbf"] < time.time() < said["exp"])

    def stranger(self) -> Answer:
        return 401, {"code": 1000, "message": "Auth failed", "request_id": "r"}

    def serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: dict[str, Any],
    ) -> Answer:
        found = re.fullmatch(r"/v1/videos/(text2video|image2video)(?:/(.+))?", path)
        assert found
        if method == "POST":
            assert body["duration"] in ("5", "10")
            assert not body.get("image", "").startswith("data:")
            task = self.begin({**body, "kind": found[1]})
            return 200, self.envelope(
                {"task_id": task, "task_status": "submitted", "created_at": 1_790_000_000_000}
            )
        own = {one["external_task_id"]: name for name, one in self.tasks.items()}
        task = own.get(found[2], found[2])
        if task not in self.tasks or self.tasks[task]["kind"] != found[1]:
            return 404, {"code": 1203, "message": "no such task", "request_id": "r"}
        data: dict[str, Any] = {
            "task_id": task,
            "task_info": {"external_task_id": self.tasks[task]["external_task_id"]},
            "task_status": ["submitted", "processing", "succeed"][self.turn(task)],
        }
        if data["task_status"] == "succeed" and self.ending == "refused":
            data |= {"task_status": "failed", "task_status_msg": "Failure to pass the risk control system"}
        elif data["task_status"] == "succeed":
            data["task_result"] = {"videos": [{"id": "v", "url": self.address(), "duration": "5.1"}]}
        return 200, self.envelope(data)

    def envelope(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"code": 0, "message": "SUCCEED", "request_id": "r", "data": data}


class DashScope(Vendor):
    """DashScope, whose video interface lies beside its chat interface."""

    name = "dashscope"
    host = "dashscope.aliyuncs.com"

    def stranger(self) -> Answer:
        return 401, {"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "r"}

    def serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: dict[str, Any],
    ) -> Answer:
        if path == "/api/v1/services/aigc/video-generation/video-synthesis":
            if headers.get("x-dashscope-async") != "enable":
                return 403, {
                    "code": "AccessDenied",
                    "message": "current user api does not support synchronous calls.",
                }
            return 200, {"request_id": "r", "output": {"task_id": self.begin(body), "task_status": "PENDING"}}
        task = path.removeprefix("/api/v1/tasks/").removesuffix("/cancel")
        if path.endswith("/cancel"):
            return 200, {"request_id": "r"}
        if self.ending == "gone" or task not in self.tasks:
            return 200, {"request_id": "r", "output": {"task_id": task, "task_status": "UNKNOWN"}}
        output: dict[str, Any] = {
            "task_id": task,
            "task_status": ["PENDING", "RUNNING", "SUCCEEDED"][self.turn(task)],
        }
        if output["task_status"] == "SUCCEEDED" and self.ending == "refused":
            output |= {
                "task_status": "FAILED",
                "code": "DataInspectionFailed",
                "message": "Output data is unfit.",
            }
        elif output["task_status"] == "SUCCEEDED":
            output["video_url"] = self.address()
        return 200, {"request_id": "r", "output": output}


class VolcEngine(Vendor):
    """Volcengine Ark."""

    name = "volcengine"
    host = "ark.cn-beijing.volces.com"

    def stranger(self) -> Answer:
        return 401, {"error": {"code": "AuthenticationError", "message": "The API key doesn't exist."}}

    def serve(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: dict[str, Any],
    ) -> Answer:
        base = "/api/v3/contents/generations/tasks"
        if (method, path) == ("POST", base):
            return 200, {"id": self.begin(body)}
        if (method, path) == ("GET", base):
            return 200, {
                "items": [{"id": task, "status": "queued"} for task in self.tasks],
                "total": len(self.tasks),
            }
        task = path.removeprefix(f"{base}/")
        if method == "DELETE":
            return 200, {}
        value: dict[str, Any] = {
            "id": task,
            "model": "m",
            "status": ["queued", "running", "succeeded"][self.turn(task)],
        }
        if value["status"] == "succeeded" and self.ending == "refused":
            why = {
                "code": "OutputVideoSensitiveContentDetected",
                "message": "The output may hold sensitive content.",
            }
            value |= {"status": "failed", "error": why}
        elif value["status"] == "succeeded":
            value |= {"content": {"video_url": self.address()}, "updated_at": 1_790_000_000}
        return 200, value


class Vendors(World):
    """The world with four providers in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vendors = {vendor.name: vendor for vendor in (MiniMax(), Kling(), DashScope(), VolcEngine())}
        self.dead_addresses: set[str] = set()

    def engine(self, **options: Any) -> VideoEngine:
        return super().engine(**{"dialect": get_video_dialect, **options})

    async def call(self, wire: WireRequest, provider: Provider) -> tuple[int, Mapping[str, str], bytes]:
        self.point()
        await asyncio.sleep(0)
        fault = self.fault("create" if wire.method == "POST" else "poll")
        if isinstance(fault, BaseException):
            raise fault
        call = wire_call(wire, provider, Secret(KEYS[provider.name], "a test"))
        status, value = self.vendors[provider.name].answer(call)
        if fault == LOST:
            raise TransportError("the connection broke")
        self.point()
        await asyncio.sleep(0)
        self.point()
        return status, {}, json.dumps(value).encode()

    async def _pieces(self, source: WireRequest | Link | Packed) -> AsyncGenerator[bytes, None]:
        assert isinstance(source, Link)
        assert not source.keyed
        if source.url in self.dead_addresses:
            raise NotFoundError("The link has expired.", status=404)
        async for piece in super()._pieces(source):
            yield piece
