"""A film is ordered once and lands whole, whoever makes it: the real engine against providers as documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.video.vendors import SECRET, Kling, Vendors
from tests.engine.video.world import LOST, Crash, clip
from ve_magics.engine.video import VideoEngine
from ve_magics.errors import RateLimitError, TransportError, UnsupportedError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.messages import Image
from ve_magics.store.jobs import JobStore

pytestmark = pytest.mark.anyio

MODELS = {
    "minimax": "MiniMax-Hailuo-2.3",
    "kling": "kling-v2-6",
    "dashscope": "wan2.7-t2v",
    "volcengine": "doubao-seedance-1-0-pro-250528",
}
SECONDS = {"minimax": 6.0, "kling": 5.0, "dashscope": 5.0, "volcengine": 5.0}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Vendors]:
    world = Vendors(tmp_path)
    yield world
    world.database.close()


def whole(job: Job) -> bool:
    return Path(job.path).read_bytes() == clip()


def order(provider: str, prompt: str = "A red fox, 狐狸!") -> VideoRequest:
    return VideoRequest(prompt=prompt, model=MODELS[provider], seconds=SECONDS[provider])


async def film(
    world: Vendors, engine: VideoEngine, provider: str, request: VideoRequest | None = None
) -> Job:
    async def work() -> Job:
        job = await engine.submit(request or order(provider), provider, folder=world.folder)
        return await engine.wait(job.id)

    return await world.run(work())


@pytest.mark.parametrize("provider", MODELS)
async def test_the_film_lands(world: Vendors, provider: str) -> None:
    """Ordered once, asked after until it is there, fetched without the key, whole."""
    job = await film(world, world.engine(), provider)
    assert job.state == "succeeded", job.failure
    assert whole(job)
    assert len(world.vendors[provider].tasks) == 1
    assert len(world.fetched) == 1


@pytest.mark.parametrize("provider", MODELS)
async def test_a_refusal_by_policy_is_told_with_the_providers_reason(world: Vendors, provider: str) -> None:
    """It comes at the end, after the task was taken; nothing is fetched and nothing ordered again."""
    world.vendors[provider].ending = "refused"
    job = await film(world, world.engine(), provider)
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure.kind == "content_filter"
    assert any(word in job.failure.message for word in ("sensitive", "risk control", "unfit"))
    assert "prompt" in job.failure.hint
    assert (len(world.vendors[provider].tasks), world.fetched) == (1, [])


@pytest.mark.parametrize("provider", [name for name in MODELS if name != "kling"])
async def test_a_lost_answer_is_never_asked_for_twice(world: Vendors, provider: str) -> None:
    """None of them documents an idempotency key, and none has a list that tells prompts: the user decides."""
    world.faults["create"] = [LOST]
    engine = world.engine()
    job = await film(world, engine, provider)
    assert job.state == "unknown"
    assert len(world.vendors[provider].tasks) == 1

    async def settle() -> Job:
        await engine.settle(job.id, provider_job_id="task-1")
        return await engine.wait(job.id)

    settled = await world.run(settle())
    assert settled.state == "succeeded"
    assert len(world.vendors[provider].tasks) == 1


async def test_a_lost_answer_is_found_by_our_own_key_where_the_provider_keeps_it(world: Vendors) -> None:
    """Kling keeps it beside the task: nobody need be asked, and nothing is ordered again."""
    world.faults["create"] = [LOST]
    job = await film(world, world.engine(), "kling")
    assert job.state == "succeeded", job.failure
    assert job.provider_job_id == "task-1"
    assert world.vendors["kling"].tasks["task-1"]["external_task_id"] == job.key
    assert world.vendors["kling"].asked.count("POST /v1/videos/text2video") == 1


async def test_an_order_that_never_arrived_is_found_nowhere_and_not_sent_again(world: Vendors) -> None:
    """The provider knows no such key, which may be the truth only for now: the user decides."""
    world.faults["create"] = [TransportError("the connection broke")]
    job = await film(world, world.engine(), "kling")
    assert job.state == "unknown"
    assert world.vendors["kling"].tasks == {}
    assert set(world.vendors["kling"].asked) == {f"GET /v1/videos/text2video/{job.key}"}


async def test_a_rate_limit_is_waited_out(world: Vendors) -> None:
    """The create call made nothing, so it is sent again."""
    world.faults["create"] = [RateLimitError("too many", status=429, retry_after=7.0)]
    begun = world.now
    assert (await film(world, world.engine(), "kling")).state == "succeeded"
    assert world.now - begun >= 7.0
    assert len(world.vendors["kling"].tasks) == 1


async def test_a_prompt_that_is_refused_at_once_costs_nothing(world: Vendors) -> None:
    """MiniMax says so inside HTTP 200."""
    job = await film(world, world.engine(), "minimax", order("minimax", "something forbidden"))
    assert job.state == "failed"
    assert job.failure is not None
    assert (job.failure.kind, job.failure.code) == ("content_filter", "1026")
    assert world.vendors["minimax"].tasks == {}


async def test_a_file_is_asked_for_apart_and_again_when_its_address_went_stale(world: Vendors) -> None:
    """MiniMax names a file first and its address in another call, which gives a fresh one each time."""
    world.dead_addresses.add("https://files.example.com/film-1.mp4?sig=1")
    job = await film(world, world.engine(), "minimax")
    assert job.state == "succeeded", job.failure
    asked = world.vendors["minimax"].asked
    assert asked.count("GET /v1/query/video_generation") == 3
    assert asked.count("GET /v1/files/retrieve") == 2
    assert asked[-1] == "GET /v1/files/retrieve"
    assert len(world.vendors["minimax"].tasks) == 1


@pytest.mark.parametrize("provider", ["minimax", "kling"])
async def test_killing_the_process_anywhere_makes_nothing_twice(tmp_path: Path, provider: str) -> None:
    """What MiniMax said of its file is written down as well, and the next process goes on from there; at Kling every
    task that was made is found again, also where the answer died with the process."""
    ends: set[str] = set()
    for number in range(1, 200):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = Vendors(folder)
        world.crash_at, crashed = number, True
        try:
            await film(world, world.engine(), provider)
            crashed = False
        except Crash:
            pass
        await world.kill()
        second = world.engine()
        jobs = JobStore.find(world.store)
        ended = [await world.run(second.wait(job.id)) for job in jobs]
        made = len(world.vendors[provider].tasks)
        assert made <= 1
        for job in ended:
            assert job.state in ("succeeded", "unknown")
            if job.state == "succeeded":
                assert made == 1
                assert whole(job)
            else:
                assert provider == "minimax" or made == 0
            ends.add(job.state)
        await second.aclose()
        world.database.close()
        if not crashed:
            break
    assert not crashed
    assert number > 25
    assert ends == {"succeeded", "unknown"}


async def test_a_picture_moves_by_another_path_and_is_asked_after_there(world: Vendors) -> None:
    """Kling keeps its tasks apart by what they are made of; the picture goes as bare base64."""
    frame = Image(data=b"\x89PNG", media_type="image/png")
    request = VideoRequest(prompt="It runs.", model="kling-v2-6", seconds=5, first_frame=frame)
    job = await film(world, world.engine(), "kling", request)
    assert job.state == "succeeded", job.failure
    assert world.vendors["kling"].tasks["task-1"]["image"] == "iVBORw=="
    assert set(world.vendors["kling"].asked) == {
        "POST /v1/videos/image2video",
        "GET /v1/videos/image2video/task-1",
    }


async def test_each_call_carries_a_token_of_its_own(world: Vendors) -> None:
    """A film takes longer than a token lasts; no half of the pair ever travels."""
    await film(world, world.engine(), "kling")
    kling = world.vendors["kling"]
    assert isinstance(kling, Kling)
    assert len(kling.tokens) == len(kling.asked) >= 4
    assert SECRET not in str(kling.tokens)


async def test_a_task_that_the_provider_has_forgotten_is_expired(world: Vendors) -> None:
    """DashScope says UNKNOWN with HTTP 200 after a day."""
    world.vendors["dashscope"].ending = "gone"
    job = await film(world, world.engine(), "dashscope")
    assert job.state == "expired"
    assert job.failure is not None
    assert "no longer has the video" in job.failure.message


@pytest.mark.parametrize(
    ("provider", "call"),
    [
        ("dashscope", "POST /api/v1/tasks/task-1/cancel"),
        ("volcengine", "DELETE /api/v3/contents/generations/tasks/task-1"),
        ("kling", ""),
        ("minimax", ""),
    ],
)
async def test_a_job_is_stopped_where_there_is_a_call_for_it(
    world: Vendors, provider: str, call: str
) -> None:
    """Elsewhere it is said that it goes on."""
    world.vendors[provider].polls = 10**6
    engine = world.engine()

    async def work() -> Job:
        job = await engine.submit(order(provider), provider, folder=world.folder)
        async for news in engine.watch(job.id):
            if news.polls > 1:
                break
        return await engine.cancel(job.id)

    if not call:
        with pytest.raises(UnsupportedError, match="can't stop"):
            await world.run(work())
        return
    assert (await world.run(work())).state == "cancelled"
    assert call in world.vendors[provider].asked
