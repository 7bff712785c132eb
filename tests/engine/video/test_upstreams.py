"""From the order to the file, with the real engine and providers scripted from their API references."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.video.upstreams import FILE, Interactions, LumaGenerations, RunwayTasks, Upstream, Vertex
from tests.engine.video.world import World, clip
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


def content(job: Job) -> bytes:
    """Return what has landed."""
    return Path(job.path).read_bytes()


async def film(upstream: Upstream, provider: str, request: VideoRequest) -> Job:
    """Order a film and wait for it."""
    engine = upstream.engine()

    async def work() -> Job:
        job = await engine.submit(request, provider, folder=upstream.world.folder)
        return await engine.wait(job.id)

    return await upstream.world.run(work())


async def test_gemini_films_through_interactions(world: World) -> None:
    """A film is asked for once, polled until it is there, and fetched with the key from Google's own host."""
    upstream = Interactions(world)
    request = VideoRequest(prompt="a fox", model="gemini-omni-1.1-flash", seconds=6, aspect="16:9")
    job = await film(upstream, "google", request)
    assert (job.state, len(upstream.created), upstream.polls) == ("succeeded", 1, 3)
    assert content(job) == clip()
    assert upstream.keyed == {FILE: True}


async def test_gemini_tells_why_it_refuses(world: World) -> None:
    """A refusal by policy ends the job with the provider's reason."""
    upstream = Interactions(world)
    upstream.word = "failed"
    job = await film(upstream, "google", VideoRequest(prompt="a fox", model="gemini-omni-1.1-flash"))
    assert job.state == "failed"
    assert job.failure is not None
    assert (job.failure.kind, job.failure.message) == ("content_filter", "A real person.")


async def test_veo_films_into_its_answer(world: World) -> None:
    """Where Vertex puts the film into its answer, it is read out of there and never written into the store."""
    upstream = Vertex(world)
    job = await film(upstream, "vertex", VideoRequest(prompt="a fox", model="veo-3.1-fast-generate-001"))
    assert (job.state, len(upstream.created)) == ("succeeded", 1)
    assert content(job) == clip()
    assert (job.urls, job.handle) == ((), {"inside": True})


async def test_runway_films_from_a_picture_and_gives_fresh_addresses(world: World) -> None:
    """Waiting for a place is no failure, and a stale address is asked for anew."""
    upstream = RunwayTasks(world)
    picture = Image(b"\x89PNG\r\n\x1a\n", "image/png")
    job = await film(
        upstream, "runway", VideoRequest(prompt="a fox", model="gen4_turbo", seconds=5, first_frame=picture)
    )
    assert (job.state, len(upstream.created)) == ("succeeded", 1)
    assert upstream.created[0]["ratio"] == "1280:720"
    assert content(job) == clip()
    assert upstream.keyed == {
        "https://cdn.runway.test/4.mp4": False,
        "https://cdn.runway.test/5.mp4": False,
    }


async def test_a_running_task_of_runway_can_be_stopped(world: World) -> None:
    """Cancelling asks the provider to stop."""
    upstream = RunwayTasks(world)
    engine = upstream.engine()

    async def work() -> Job:
        picture = Image(url="https://pictures.test/fox.png")
        request = VideoRequest(prompt="a fox", model="gen4_turbo", first_frame=picture)
        job = await engine.submit(request, "runway", folder=world.folder)
        while world.store.get(job.id).state != "running":  # type: ignore[union-attr]  # it was just written down
            await world.sleep(0.1)
        return await engine.cancel(job.id)

    job = await world.run(work())
    assert job.state == "cancelled"
    assert ("DELETE", "/v1/tasks/task-1") in upstream.asked


async def test_luma_films(world: World) -> None:
    """A generation becomes a file; no key goes to where it lies."""
    upstream = LumaGenerations(world)
    job = await film(upstream, "luma", VideoRequest(prompt="a fox", model="ray-3.2", seconds=5))
    assert job.state == "succeeded"
    assert content(job) == clip()
    assert list(upstream.keyed.values()) == [False]
    other = LumaGenerations(world)
    other.refused = True
    job = await film(other, "luma", VideoRequest(prompt="a fox", model="ray-3.2"))
    assert job.failure is not None
    assert (job.failure.kind, job.failure.code) == ("content_filter", "content_moderated")


async def test_what_a_model_cant_make_is_refused_before_anything_is_sent(world: World) -> None:
    """The nearest allowed value is in the error, and no job is written down."""
    upstream = Vertex(world)
    request = VideoRequest(prompt="a fox", model="veo-3.1-generate-001", seconds=5)
    with pytest.raises(UnsupportedError, match="nearest is 4"):
        await upstream.engine().submit(request, "vertex", folder=world.folder)
    assert upstream.asked == []
    assert not world.store.find()
