"""Google's films in a session: over the gateway, with the key where it belongs, down to the file."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.jobs import Job, VideoRequest
from ve_magics.routing import Target
from ve_magics.sim.film import film

pytestmark = pytest.mark.anyio

KEY = "AIza-canary-0123456789"
FILM = film("fox", seconds=1, width=128, height=128, fps=2)
HOST = "https://generativelanguage.googleapis.com"
OPERATION = "projects/p/locations/l/publishers/google/models/veo-3.1-generate-001/operations/o1"
PADDING = "x" * (17 * 1024**2)


class Google:
    """Both of Google's interfaces; every film is ready at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["path"]
        self.asked.append((scope["method"], path, headers.get("x-goog-api-key", "")))
        if path == "/v1/files/f1:download":
            assert scope["query_string"] == b"alt=media"
            await self._send(send, FILM)
            return
        value: dict[str, Any] = {
            "id": "int-1",
            "status": "completed",
            "output_video": {"type": "video", "uri": f"{HOST}/v1/files/f1"},
        }
        if "/publishers/" in path:
            video = {"bytesBase64Encoded": base64.b64encode(FILM).decode(), "mimeType": "video/mp4"}
            value = {"name": OPERATION, "done": True, "response": {"videos": [video]}, "metadata": PADDING}
        await self._send(send, json.dumps(value).encode())

    @staticmethod
    async def _send(send: Any, data: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": data})


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
async def session(tmp_path: Path, google: Google) -> AsyncIterator[Session]:
    environ = {"GEMINI_API_KEY": KEY, "VERTEX_API_KEY": KEY, "VE_CONFIG": str(tmp_path / "none.toml")}
    (tmp_path / "none.toml").write_text("")
    session = Session(
        config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        transport=Mounted({"generativelanguage.googleapis.com": google, "aiplatform.googleapis.com": google}),
        data=tmp_path / "home",
    )
    yield session
    await session.aclose()


async def filmed(session: Session, target: Target) -> Job:
    """Return the job when it has ended."""
    job = None
    request = VideoRequest(prompt="A fox")
    async for job in session.filming.film(
        request, str(target), target, folder=session.directory, notebook="n"
    ):
        if job.fetches or job.finished:
            break
    assert job is not None
    return job


def content(job: Job) -> bytes:
    """Return what has landed."""
    return Path(job.path).read_bytes()


async def test_geminis_film_is_downloaded_by_its_files_name(session: Session, google: Google) -> None:
    """The file's own address would give its description only; each call carries the key."""
    job = await filmed(session, Target("google", "gemini-omni-1.1-flash"))
    assert (job.state, job.note) == ("succeeded", "")
    assert content(job) == FILM
    assert google.asked == [("POST", "/v1/interactions", KEY), ("GET", "/v1/files/f1:download", KEY)]


async def test_veos_film_comes_out_of_a_long_answer(session: Session, google: Google) -> None:
    """Many megabytes of JSON with the film inside are read, and asked for once more to get the film."""
    job = await filmed(session, Target("vertex", "veo-3.1-generate-001"))
    assert (job.state, job.note) == ("succeeded", "")
    assert content(job) == FILM
    model = "/v1/publishers/google/models/veo-3.1-generate-001"
    assert google.asked == [
        ("POST", f"{model}:predictLongRunning", KEY),
        ("POST", f"{model}:fetchPredictOperation", KEY),
    ]
