"""Films from odd providers: what is refused, what is kept, and what the reader is told."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.video.world import clip
from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.shots import film_key
from ve_magics.engine.transport import Mounted
from ve_magics.errors import MissingKeyError, UnsupportedError
from ve_magics.jobs import Job, JobReply, VideoRequest, applied, submitting
from ve_magics.routing import Target

pytestmark = pytest.mark.anyio

REQUEST = VideoRequest(prompt="A boat", seconds=4, size="1280x720")
TARGET = Target("odd", "sora-2")


class Provider:
    """Makes every video at once and hands out whatever it was told to.

    Attributes:
        content: Status, headers and pieces of the file.
        refusal: The answer to a create call, where it is to refuse.
        creates: Create calls.
        paths: What was asked for.
    """

    def __init__(self) -> None:
        self.content: tuple[int, dict[str, str], list[bytes]] = (200, {}, [b""])
        self.refusal: tuple[int, object] | None = None
        self.creates = 0
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        self.paths.append(scope["path"])
        if scope["path"].endswith("/content"):
            await self._file(send)
        elif self.refusal is not None:
            await self._say(send, *self.refusal)
        else:
            self.creates += scope["method"] == "POST"
            await self._say(
                send, 200, {"id": "v1", "object": "video", "status": "completed", "progress": 100}
            )

    async def _file(self, send: Any) -> None:
        status, headers, pieces = self.content
        rows = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": rows})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    @staticmethod
    async def _say(send: Any, status: int, value: object) -> None:
        headers = [(b"content-type", b"application/json"), (b"openai-poll-after-ms", b"10")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def session(tmp_path: Path, provider: Provider) -> AsyncIterator[Session]:
    (tmp_path / "config.toml").write_text(
        '[providers.odd]\ndialect = "chat_completions"\nvideo = "openai_videos"\nkey = "env:ODD"\n'
        'base_url = "https://odd.invalid/v1"\n'
    )
    environ = {"VE_CONFIG": str(tmp_path / "config.toml"), "ODD": "sk-odd"}
    session = Session(
        config=Config(environ=environ, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        transport=Mounted({"odd.invalid": provider}),
        data=tmp_path / "home",
    )
    yield session
    await session.aclose()


async def film(session: Session, request: VideoRequest = REQUEST) -> Job:
    """Return the job when it has come to its first failure, or its end."""
    job = None
    folder = session.directory / "films"
    async for job in session.filming.film(request, "odd/sora-2", TARGET, folder=folder, notebook="n"):
        if job.fetches or job.finished:
            break
    assert job is not None
    return job


def left(session: Session) -> list[str]:
    """Return the names of all files that were left where the film was to land."""
    folder = session.directory / "films"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


@pytest.mark.parametrize(
    ("content", "said", "state"),
    [
        (
            (200, {"content-type": "text/html"}, [b"<!DOCTYPE html><html></html>"]),
            "a web page instead",
            "running",
        ),
        ((200, {}, [b'{"error": "not yet"}']), "a message instead", "running"),
        ((200, {"content-type": "video/mp4"}, [b"MZ" + b"\0" * 500]), "not a whole video", "running"),
        ((200, {"content-length": str(10 * 1024**3)}, [b"\0"]), "larger than 2048 MB", "failed"),
        ((302, {"location": "https://127.0.0.1/secret"}, []), "inside this machine", "failed"),
        ((302, {"location": "https://10.0.0.8/secret"}, []), "inside this machine", "failed"),
        ((302, {"location": "http://odd.invalid/v1/other"}, []), "not https", "failed"),
        ((302, {"location": "/v1/videos/v1/content"}, []), "more than 5 redirects", "failed"),
        ((410, {}, [b"gone"]), "no longer has the video", "expired"),
    ],
)
async def test_what_is_no_video_is_refused_and_the_job_kept(
    session: Session, provider: Provider, content: Any, said: str, state: str
) -> None:
    """Whatever comes instead of a film is said; no file is left, and the job is there to be taken up again."""
    provider.content = content
    job = await film(session)
    assert said in (job.failure.message if job.failure else job.note)
    assert (job.state, job.path, job.provider_job_id, provider.creates) == (state, "", "v1", 1)
    assert left(session) == []
    assert not [path for path in provider.paths if "secret" in path]


@pytest.mark.parametrize(
    ("request_", "nearest"),
    [
        (VideoRequest(prompt="A boat", seconds=5), "4"),
        (VideoRequest(prompt="A boat", size="1000x1000"), "1280x720"),
    ],
)
async def test_what_the_model_cannot_make_is_refused_with_what_it_can(
    session: Session, provider: Provider, request_: VideoRequest, nearest: str
) -> None:
    """A length or size that isn't offered is an error that names those that are; nothing is sent."""
    with pytest.raises(UnsupportedError) as caught:
        await film(session, request_)
    assert nearest in f"{caught.value.message} {caught.value.hint}"
    assert (provider.paths, session.filming.jobs.find()) == ([], ())


async def test_a_refusal_shows_the_providers_reason(session: Session, provider: Provider) -> None:
    """Moderation speaks in its own words, and its code is kept."""
    words = {"error": {"message": "Your request was blocked: real people.", "code": "moderation_blocked"}}
    provider.refusal = (400, words)
    job = await film(session)
    assert job.state == "failed"
    assert job.failure is not None
    assert "real people" in job.failure.message
    assert job.failure.code == "moderation_blocked"


async def test_nothing_is_written_down_without_a_key(session: Session) -> None:
    """A provider without a key is found out before there is a job."""
    with pytest.raises(MissingKeyError):
        async for _ in session.filming.film(
            REQUEST, "vectorengine/x", Target("vectorengine", "x"), folder=session.directory, notebook="n"
        ):
            pass
    assert session.filming.jobs.find() == ()


def test_each_take_has_its_own_key() -> None:
    """The first take has the key that a single video has; another has another."""
    assert film_key(REQUEST, "m") == film_key(REQUEST, "m", 1) != film_key(REQUEST, "m", 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't tell whether a process lives")
async def test_unnamed_notebooks_of_a_folder_have_videos_of_their_own(
    session: Session, tmp_path: Path
) -> None:
    """What a living kernel makes there is another notebook's; what a dead one left, or a named notebook's, is ours."""
    filming = session.filming
    asked = VideoRequest(prompt=REQUEST.prompt, seconds=4, size=REQUEST.size, model="sora-2")
    living, dead = (f"{platform.node()}:{process}:x" for process in (os.getppid(), 2**22 + 1))
    for nth, place in enumerate((str(tmp_path), str(tmp_path / "n.ipynb"))):
        job = Job(id=f"j{nth}", key=f"k{nth}", provider="odd", request=asked, notebook=place, state="running")
        filming.jobs.add(job)
        assert filming.has(REQUEST, "odd/sora-2", TARGET, place)
        filming.jobs.lease(job.id, living, 60)
        assert filming.has(REQUEST, "odd/sora-2", TARGET, place) is place.endswith(".ipynb")
        filming.jobs.release(job.id, living)
        filming.jobs.lease(job.id, dead, 60)
        assert filming.has(REQUEST, "odd/sora-2", TARGET, place)


def killed_kernel() -> str:
    """Return the name of a process that was killed."""
    code = "from ve_magics.engine import kernels; print(kernels.own(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        process.kill()
    return name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
@pytest.mark.parametrize("shared", [False, True])
async def test_what_a_killed_process_followed_is_gone_on_with_at_once(
    session: Session, provider: Provider, shared: bool
) -> None:
    """On this machine's own disk; on one that other machines may hold, nobody knows, and the lease is waited for."""
    provider.content = (200, {}, [clip()])
    session.store.shared = shared
    jobs, now = session.filming.jobs, time.time()
    job = Job(
        id="video_left", key="k", provider="odd", request=msgspec.structs.replace(REQUEST, model="sora-2")
    )
    job = msgspec.structs.replace(job, folder=str(session.directory / "films"), created=now)
    jobs.add(applied(submitting(job, now), JobReply(provider_job_id="v1"), now))
    jobs.lease(job.id, killed_kernel(), 3600)
    await session.filming.engine.resume(job.id)
    if shared:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.filming.engine.wait(job.id), 1)
    else:
        assert (await asyncio.wait_for(session.filming.engine.wait(job.id), 10)).state == "succeeded"
    assert provider.creates == 0
