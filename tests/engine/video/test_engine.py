"""Jobs are never lost and never made twice, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.video.world import LOST, QUICK, REQUEST, Crash, World, clip, picture
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link
from ve_magics.dialects.videos.openai_videos import OpenAIVideos
from ve_magics.engine.video import VideoEngine
from ve_magics.engine.video.driver import Driver
from ve_magics.engine.video.landing import UnfitFileError
from ve_magics.errors import (
    BadRequestError,
    ConfigError,
    JobError,
    JobTransitionError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    StatusError,
    StoreBusyError,
    StoreError,
    TransportError,
    UnsupportedError,
)
from ve_magics.jobs import PATIENCE, Job, JobReply, JobState, Step, Submit, applied, lost, moved, submitting
from ve_magics.store.jobs import JobStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def content(path: str) -> bytes:
    return Path(path).read_bytes()


async def submit(world: World, engine: VideoEngine, **fields: Any) -> Job:
    return await engine.submit(REQUEST, "sim", folder=world.folder, **fields)


async def film(world: World, engine: VideoEngine) -> Job:
    async def work() -> Job:
        return await engine.wait((await submit(world, engine)).id)

    return await world.run(work())


async def finish(world: World, engine: VideoEngine, job: Job) -> Job:
    return await world.run(engine.wait(job.id))


class WithCancel(OpenAIVideos):
    """The same format with a call that stops a job."""

    def encode_cancel(self, job: Job) -> WireRequest | None:
        return WireRequest(f"/videos/{job.provider_job_id}", method="DELETE", headers=())


class WithKeys(OpenAIVideos):
    """The same format at a provider that honours idempotency keys, and has no list."""

    honours_keys = True


class WithoutMuch(OpenAIVideos):
    """The same format without a list, and without any way to fetch a file."""

    def encode_list(self, after: str = "") -> WireRequest | None:
        return None

    def encode_fetch(self, job: Job, provider: Any, variant: Any) -> tuple[WireRequest | Link, ...]:
        return ()


async def test_a_film_is_made(world: World) -> None:
    """From the prompt to a whole file beside the notebook, each stage told, each call made once."""
    engine = world.engine()

    async def work() -> list[Job]:
        job = await submit(world, engine, notebook="n.ipynb", cell="c", parent="p")
        return [news async for news in engine.watch(job.id)]

    jobs = await world.run(work())
    told = [(job.state, job.remote) for job in jobs]
    assert told == [
        ("queued", None),
        ("submitting", None),
        ("running", "queued"),
        ("running", "running"),
        ("running", "succeeded"),
        ("succeeded", "succeeded"),
    ]
    job = jobs[-1]
    assert content(job.path) == clip()
    assert content(job.poster) == picture()
    assert Path(job.path).name.startswith("A-red-fox-狐狸-")
    assert (job.cost, job.seconds, job.size, job.progress) == (0.25, 1.0, "128x128", 1.0)
    assert (job.notebook, job.cell, job.parent) == ("n.ipynb", "c", "p")
    assert (world.creates, world.seen) == (1, ["create", "poll", "poll"])
    assert world.accounted == [job.id]
    assert len(files(world.folder)) == 2
    assert world.store.get(job.id) == job
    await engine.aclose()


async def test_a_job_is_written_down_before_it_is_sent(world: World) -> None:
    """When the provider hears of it, the store already knows that it may cost money; the key is the job's own."""
    job = await film(world, world.engine())
    assert world.states_at_create == ["submitting"]
    assert world.keys == [job.key]


async def test_a_request_that_cannot_be_made_leaves_no_job(world: World) -> None:
    """What is wrong with a request is said at once, and nothing is written or sent."""
    engine = world.engine()
    request = msgspec.structs.replace(REQUEST, count=3)
    with pytest.raises(UnsupportedError):
        await engine.submit(request, "sim", folder=world.folder)
    with pytest.raises(UnsupportedError, match="no videos"):
        await engine.submit(REQUEST, "deepseek", folder=world.folder)
    with pytest.raises(ConfigError):
        await engine.submit(REQUEST, "nobody", folder=world.folder)
    assert world.store.find() == ()
    with pytest.raises(JobError, match="no job"):
        await engine.wait("nothing")


async def test_stopping_to_watch_leaves_the_job_running(world: World) -> None:
    """Whoever leaves the loop, or is cancelled, stops watching only."""
    engine = world.engine()

    async def work() -> Job:
        job = await submit(world, engine)
        async for news in engine.watch(job.id):
            if news.state == "running":
                break
        waiting = asyncio.ensure_future(engine.wait(job.id))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return await engine.wait(job.id)

    assert (await world.run(work())).state == "succeeded"
    assert world.creates == 1


async def test_a_finished_job_is_told_once(world: World) -> None:
    """Watching a job that has ended gives it and ends."""
    engine = world.engine()
    job = await film(world, engine)
    assert [news async for news in engine.watch(job.id)] == [job]


async def test_a_refusal_ends_the_job_with_its_reason(world: World) -> None:
    """A bad request is not tried twice."""
    world.faults["create"] = [(400, b'{"error":{"message":"flagged by our safety system"}}')]
    job = await film(world, world.engine())
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure.kind == "content_filter"
    assert (world.creates, len(world.seen)) == (0, 1)


async def test_a_provider_that_is_busy_is_asked_again(world: World) -> None:
    """A rate limit is waited out, then the film is made; too often, and the job has failed."""
    busy = RateLimitError("slow down", status=429, retry_after=30)
    world.faults["create"] = [busy]
    start = world.now
    assert (await film(world, world.engine(timing=QUICK))).state == "succeeded"
    assert world.now - start >= 30
    world.faults["create"] = [busy, busy]
    assert (await film(world, world.engine(timing=QUICK))).state == "failed"


async def test_a_lost_answer_is_found_in_the_list(world: World) -> None:
    """Where the provider's list holds exactly this video, it is taken up, and nothing is sent twice."""
    world.faults["create"] = [LOST]
    job = await film(world, world.engine())
    assert (job.state, job.provider_job_id, world.creates) == ("succeeded", "v1", 1)
    assert world.seen[:2] == ["create", "list"]


async def test_a_lost_answer_that_is_not_found_is_unknown(world: World) -> None:
    """Without a list nobody knows: the job says so and waits for the user, who settles it by the provider's id."""
    world.faults["create"] = [LOST]
    engine = world.engine()
    world.faults["list"] = [(503, b"")] * 3
    job = await film(world, engine)
    assert (job.state, world.creates) == ("unknown", 1)
    assert "may or may not" in job.note
    assert world.seen == ["create", "list", "list", "list"]
    settled = await engine.settle(job.id, provider_job_id="v1")
    assert settled.state == "running"
    assert (await finish(world, engine, job)).state == "succeeded"
    assert world.creates == 1
    with pytest.raises(JobError, match="nothing to settle"):
        await engine.settle(job.id)


async def test_an_unknown_job_can_be_sent_again_or_given_up(world: World) -> None:
    """Only the user's own word makes a second create call."""
    world.dialect = WithoutMuch()
    engine = world.engine(timing=QUICK)
    world.faults["create"] = [LOST, LOST]
    job, other = await film(world, engine), await film(world, engine)
    assert (job.state, other.state, world.seen) == ("unknown", "unknown", ["create", "create"])
    world.dialect = OpenAIVideos()
    await engine.settle(job.id)
    assert (await finish(world, engine, job)).state == "succeeded"
    assert world.creates == 3
    assert (await engine.cancel(other.id)).state == "cancelled"


async def test_with_keys_the_same_call_goes_out_again(world: World) -> None:
    """A provider that honours idempotency keys gets the same key until it answers."""
    world.dialect = WithKeys()
    world.faults["create"] = [LOST]
    job = await film(world, world.engine())
    assert job.state == "succeeded"
    assert world.keys == [job.key, job.key]


async def test_failing_polls_do_not_end_a_job(world: World) -> None:
    """Broken connections, server errors and nonsense are waited out, and shown meanwhile."""
    world.faults["poll"] = [TransportError("broke"), (500, b"{}"), (200, b"nonsense"), (401, b"{}")]
    engine = world.engine()

    async def work() -> list[Job]:
        job = await submit(world, engine)
        return [news async for news in engine.watch(job.id)]

    jobs = await world.run(work())
    assert jobs[-1].state == "succeeded"
    assert next(job.note for job in jobs if job.note) == "broke"
    assert jobs[-1].note == ""


async def test_a_job_that_the_provider_forgot_has_expired(world: World) -> None:
    """Again and again not found means that the result is gone."""
    world.faults["poll"] = [(404, b"{}")] * 5
    job = await film(world, world.engine())
    assert job.state == "expired"


async def test_a_job_that_never_ends_expires(world: World) -> None:
    """There is a last day for a provider that says `in_progress` for ever."""
    world.faults["poll"] = [(200, b'{"id":"v1","status":"in_progress"}')] * 1000
    start = world.now
    job = await film(world, world.engine(timing=QUICK))
    assert job.state == "expired"
    assert 600 <= world.now - start < 700


@pytest.mark.parametrize("content", [b"<html>sign in</html>", b"", clip()[:-9], UnfitFileError("too large")])
async def test_a_file_that_is_no_video_is_refused_and_the_job_kept(
    world: World, content: bytes | Exception
) -> None:
    """Nothing half-written stays, the provider's id stays, and the file can be tried again later."""
    world.faults["content"] = [content] * QUICK.fetches
    engine = world.engine(timing=QUICK)
    job = await film(world, engine)
    assert job.state == "failed"
    assert job.provider_job_id == "v1"
    assert files(world.folder) == []
    world.faults.clear()
    assert (await engine.retry(job.id)).state == "running"
    assert (await finish(world, engine, job)).state == "succeeded"
    assert world.creates == 1


@pytest.mark.parametrize(
    ("content", "tries", "said"),
    [
        (b"<!DOCTYPE html><title>404</title>", 2, "a web page instead of the video"),
        (b'{"error":{"message":"AccessDenied"}}', 2, "a message instead of the video"),
        (b"Not found.\n", 2, "a text instead of the video"),
        (picture(), 2, "a picture instead of the video"),
        (b"", 3, "an empty file instead of the video"),
        (clip()[:-9], 5, "not a whole video"),
    ],
)
async def test_what_is_certainly_no_video_is_told_quickly(
    world: World, content: bytes, tries: int, said: str
) -> None:
    """A page, a message, a text or a picture is looked at twice, nothing three times; a cut off video five times."""
    world.faults["content"] = [content] * 9
    world.provider_url = "https://cdn.test/v.mp4"
    world.faults["content"] *= 2  # both of its addresses bring the same
    engine = world.engine(timing=msgspec.structs.replace(PATIENCE, first_poll=0.0, longest_poll=0.0))
    start = world.now
    job = await film(world, engine)
    assert (job.state, job.fetches, job.provider_job_id) == ("failed", tries, "v1")
    assert job.urls == ("https://cdn.test/v.mp4",)
    assert job.failure is not None
    assert said in job.failure.message
    assert world.now - start < {2: 3.0, 3: 8.0, 5: 60.0}[tries]
    world.faults.clear()
    await engine.retry(job.id)
    assert (await finish(world, engine, job)).state == "succeeded"
    assert world.creates == 1


async def test_a_page_from_one_address_does_not_stop_the_other(world: World) -> None:
    """Where one address brings a web page and the provider's own one breaks, the video is tried as long as ever."""
    world.provider_url = "https://cdn.test/v.mp4"
    page = b"<html>sign in</html>"
    world.faults["content"] = [page, TransportError("broke")] * 3
    job = await film(world, world.engine())
    assert (job.state, job.fetches) == ("succeeded", 3)


async def test_a_broken_download_is_tried_with_a_fresh_answer(world: World) -> None:
    """Links go stale: after a failure the provider is asked again before the next try."""
    world.faults["content"] = [TransportError("broke")]
    job = await film(world, world.engine())
    assert job.state == "succeeded"
    assert world.seen == ["create", "poll", "poll", "poll"]


async def test_each_address_is_tried(world: World) -> None:
    """Where the address that the provider named fails, its own endpoint is asked; foreign hosts get no key."""
    world.provider_url = "https://cdn.test/v.mp4"
    world.faults["content"] = [TransportError("broke")]
    job = await film(world, world.engine())
    assert job.state == "succeeded"
    assert world.fetched[0] == Link("https://cdn.test/v.mp4", keyed=False)
    assert isinstance(world.fetched[1], WireRequest)


async def test_a_done_job_without_a_file_fails(world: World) -> None:
    """A success with nowhere to fetch from is not believed for ever."""
    world.dialect = WithoutMuch()
    job = await film(world, world.engine(timing=QUICK))
    assert job.state == "failed"
    assert "not where it is" in (job.failure.message if job.failure else "")


async def test_a_folder_that_cannot_be_written_says_so(world: World) -> None:
    """The disk's refusal is told at the first try, and the video can still be had when it is mended."""
    blocked = world.folder / "blocked"
    blocked.write_text("a file")
    engine = world.engine(timing=QUICK)

    async def work() -> Job:
        job = await engine.submit(REQUEST, "sim", folder=blocked)
        return await engine.wait(job.id)

    job = await world.run(work())
    assert "can't be written" in (job.failure.message if job.failure else "")
    assert job.fetches == 1
    blocked.unlink()
    await engine.retry(job.id)
    assert (await finish(world, engine, job)).state == "succeeded"


async def test_a_film_without_a_poster_is_a_film(world: World) -> None:
    """No thumbnail, a broken one, or the video instead of it costs nothing but the picture."""
    for thumbnail in (TransportError("no"), clip(), b""):
        world.faults["thumbnail"] = [thumbnail]
        job = await film(world, world.engine())
        assert (job.state, job.poster) == ("succeeded", "")


async def test_a_running_job_is_cancelled_where_that_exists(world: World) -> None:
    """The provider stops it; where it can't, that is said, and the user may stop waiting."""
    engine = world.engine()

    async def running() -> Job:
        job = await submit(world, engine)
        async for news in engine.watch(job.id):
            if news.state == "running":
                return news
        raise AssertionError

    job = await world.run(running())
    with pytest.raises(UnsupportedError, match="can't stop"):
        await engine.cancel(job.id)
    assert (await engine.cancel(job.id, forget=True)).state == "cancelled"
    world.dialect = WithCancel()
    job = await world.run(running())
    assert (await engine.cancel(job.id)).state == "cancelled"
    assert world.seen[-1] == "delete"
    assert (await finish(world, engine, job)).state == "cancelled"
    with pytest.raises(JobError, match="already"):
        await engine.cancel(job.id)
    assert files(world.folder) == []


async def test_a_job_that_waits_is_cancelled_unsent(world: World) -> None:
    """A job that was not sent yet is never sent; one that is just being sent can't be stopped."""
    engine = world.engine()
    job = await submit(world, engine)
    assert (await engine.cancel(job.id)).state == "cancelled"
    assert (await finish(world, engine, job)).state == "cancelled"
    assert world.creates == 0
    other = Job(id="x", provider="sim", request=REQUEST, state="submitting")
    world.store.add(other)
    with pytest.raises(JobError, match="being sent"):
        await engine.cancel("x")


async def test_a_finished_job_is_deleted_everywhere_but_here(world: World) -> None:
    """The provider's copy and our line go, the file stays; one that is gone already is no trouble."""
    engine = world.engine()
    job = await film(world, engine)
    await engine.delete(job.id)
    assert (world.videos, world.store.get(job.id), Path(job.path).name in files(world.folder)) == (
        {},
        None,
        True,
    )
    job = await film(world, engine)
    world.videos.clear()
    await engine.delete(job.id)
    assert world.store.find() == ()
    world.faults["create"] = [BadRequestError("no", status=400)]
    job = await film(world, engine)
    await engine.delete(job.id)
    assert world.seen[-1] == "create"
    job = await submit(world, engine)
    with pytest.raises(JobError, match="not ended"):
        await engine.delete(job.id)


async def test_only_a_failed_job_is_retried(world: World) -> None:
    """A film that is there is not fetched again."""
    engine = world.engine()
    job = await film(world, engine)
    with pytest.raises(JobTransitionError):
        await engine.retry(job.id)


async def test_a_new_kernel_goes_on(world: World) -> None:
    """Jobs of an engine that was closed are found in the store, polled on and fetched; the cell's name is kept."""
    first = world.engine()

    async def begin() -> Job:
        job = await submit(world, first, cell="c")
        async for news in first.watch(job.id):
            if news.state == "running":
                return news
        raise AssertionError

    job = await world.run(begin())
    await first.aclose()
    second = world.engine()
    assert [found.id for found in await second.resume_all()] == [job.id]
    done = await finish(world, second, job)
    assert (done.state, done.cell, world.creates) == ("succeeded", "c", 1)


async def test_one_kernel_drives_a_job_and_another_may_watch(world: World) -> None:
    """While the first lives, the second only looks on; both see the end."""
    first, second = world.engine(), world.engine()

    async def work() -> tuple[Job, Job]:
        job = await submit(world, first)
        await asyncio.sleep(0)
        return await asyncio.gather(first.wait(job.id), second.wait(job.id))

    one, two = await world.run(work())
    assert (one.state, two.state, one.path) == ("succeeded", "succeeded", two.path)
    assert world.seen == ["create", "poll", "poll"]


async def test_a_dead_kernels_job_is_taken_over(world: World) -> None:
    """When a kernel died without a word, its jobs are free after the lease, and a job it was sending is unknown."""
    job = Job(
        id="x", provider="sim", request=REQUEST, state="submitting", submitted=1.0, folder=str(world.folder)
    )
    world.store.add(job)
    world.store.lease("x", "dead", 20)
    start = world.now
    assert (await finish(world, world.engine(), job)).state == "unknown"
    assert world.now - start >= 20
    assert world.creates == 0


@pytest.mark.parametrize(("state", "waits"), [("queued", False), ("running", False), ("submitting", True)])
async def test_a_surely_dead_kernels_job_is_not_waited_for(
    world: World, state: JobState, waits: bool
) -> None:
    """What is left of it is done at once; only an order that was just being sent keeps its time, and is not repeated."""
    job = Job(id="x", key="k", provider="sim", request=REQUEST, folder=str(world.folder))
    if state != "queued":
        job = submitting(job, world.now)
    if state == "running":
        world.videos["v9"] = {"id": "v9", "polls": 1, "created_at": world.now}
        job = applied(job, JobReply(provider_job_id="v9"), world.now)
    world.store.add(job)
    world.store.lease("x", "dead", 20)
    start = world.now
    engine = world.engine(dead=lambda name: name == "dead")
    ended = await finish(world, engine, job)
    assert ended.state == ("unknown" if waits else "succeeded")
    assert (world.now - start >= 20) is waits
    assert world.creates == (1 if state == "queued" else 0)


async def test_a_living_kernels_job_is_left_to_it(world: World) -> None:
    """Where it can't be told that its holder is dead, a job is not taken before its lease has run out."""
    world.store.add(Job(id="x", key="k", provider="sim", request=REQUEST, folder=str(world.folder)))
    world.store.lease("x", "alive", 20)
    asked: list[str] = []

    def dead(name: str) -> bool:
        asked.append(name)
        return False

    start = world.now
    await finish(world, world.engine(dead=dead), world.store.get("x") or pytest.fail("no job"))
    assert world.now - start >= 20
    assert {*asked} == {"alive"}


async def test_closing_waits_for_a_create_call(world: World) -> None:
    """The answer to a call that costs money is waited for a little; the job is then ready to be resumed."""
    began, gate = asyncio.Event(), asyncio.Event()
    plain = world.call

    async def slow(wire: WireRequest, provider: Any) -> Any:
        answer = await plain(wire, provider)
        began.set()
        await gate.wait()
        return answer

    engine = VideoEngine(world.store, slow, world.fetch, world.provider, clock=lambda: world.now)
    job = await submit(world, engine)
    await began.wait()
    asyncio.get_running_loop().call_later(0.05, gate.set)
    await engine.aclose()
    after = world.store.get(job.id)
    assert after is not None
    assert (after.state, after.provider_job_id) == ("running", "v1")


async def test_closing_does_not_wait_for_ever(world: World) -> None:
    """A provider that never answers doesn't hold the kernel: the job stays as it was written down."""

    began = asyncio.Event()

    async def never(wire: WireRequest, provider: Any) -> Any:
        began.set()
        await asyncio.Event().wait()

    engine = VideoEngine(world.store, never, world.fetch, world.provider, clock=lambda: world.now)
    job = await submit(world, engine)
    await began.wait()
    await engine.aclose(grace=0.05)
    found = world.store.get(job.id)
    assert found is not None
    assert found.state == "submitting"
    await VideoEngine(world.store, never, world.fetch, world.provider).aclose()


async def test_an_answer_that_cannot_be_written_down_is_kept_in_mind(world: World) -> None:
    """While the store fails, the paid video's id is not thrown away but written as soon as it can be."""
    world.store.troubles = [StoreBusyError("busy"), StoreError("full"), StoreBusyError("busy")]
    job = await film(world, world.engine())
    assert (job.state, world.creates) == ("succeeded", 1)


async def test_a_store_that_fails_for_good_ends_the_watch_with_its_error(world: World) -> None:
    """Whoever watches is told; the job is left to the next kernel."""
    engine = world.engine()

    async def work() -> None:
        job = await submit(world, engine)
        async for news in engine.watch(job.id):
            if news.state == "running":
                world.store.troubles = [StoreError("disk is full")] * 1000

    with pytest.raises(StoreError, match="disk is full"):
        await world.run(work())


async def test_another_kernels_word_is_heard(world: World) -> None:
    """A change that another process makes at any moment is not overwritten."""
    plain = world.call
    moves: list[Any] = []

    async def meddle(wire: WireRequest, provider: Any) -> Any:
        answer = await plain(wire, provider)
        if moves:
            (job,) = world.store.find()
            JobStore.move(world.store, moves.pop(0)(job))
        return answer

    engine = VideoEngine(
        world.store, meddle, world.fetch, world.provider, clock=lambda: world.now, sleep=world.sleep
    )
    moves[:] = [lambda job: lost(job, world.now)]  # it took our call for lost; our answer settles that
    job = await film(world, engine)
    assert job.state in ("running", "succeeded")
    world.store.remove(job.id)
    moves[:] = [lambda job: lost(job, world.now)]
    world.faults["create"] = [(500, b"{}")]
    world.listing = False
    job = await film(world, engine)
    assert job.state == "unknown"
    world.store.remove(job.id)
    moves[:] = [lambda job: moved(job, world.now, note="x"), lambda job: moved(job, world.now, "cancelled")]
    assert (await film(world, engine)).state == "cancelled"


async def test_a_cancel_at_the_last_moment_is_heard(world: World) -> None:
    """A job that another process cancels just before the create call is not sent."""
    engine = world.engine()
    read = world.store.get
    reads = [0]

    def get(job_id: str) -> Job | None:
        reads[0] += 1
        job = read(job_id)
        if job is not None and job.state == "queued" and reads[0] == 3:
            JobStore.move(world.store, moved(job, world.now, "cancelled"))
            job = read(job_id)
        return job

    world.store.get = get  # type: ignore[method-assign]  # another process at one moment
    job = await film(world, engine)
    assert (job.state, world.creates) == ("cancelled", 0)


async def test_a_provider_that_left_the_configuration_is_waited_for(world: World) -> None:
    """A running job whose provider is no longer configured goes on when it is back."""
    plain, calls = world.provider, [0]

    def flaky(name: str) -> Any:
        calls[0] += 1
        if 8 <= calls[0] <= 14:
            raise ConfigError("no provider sim")
        return plain(name)

    engine = VideoEngine(
        world.store,
        world.call,
        world.fetch,
        flaky,
        clock=lambda: world.now,
        sleep=world.sleep,
        offload=world.offload,
    )
    assert (await film(world, engine)).state == "succeeded"


async def test_killing_the_process_anywhere_loses_no_job_and_makes_none_twice(tmp_path: Path) -> None:
    """At every point at which something happens outside the engine the process dies once. The next one finds the job:
    either its film is made exactly once and lies whole beside the notebook, or the create call's answer died with the
    process, and then it is found in the list or, without a list, the job is unknown and nothing is sent again."""
    outcomes: dict[tuple[str, bool], int] = {}
    for listing in (True, False):
        number = 0
        while True:
            number += 1
            folder = tmp_path / f"{listing}-{number}"
            folder.mkdir()
            world = World(folder)
            world.listing, world.crash_at = listing, number
            engine, crashed = world.engine(), True
            try:
                await film(world, engine)
                crashed = False
            except Crash:
                pass
            await world.kill()
            second = world.engine()
            jobs = JobStore.find(world.store)
            ended = [await finish(world, second, job) for job in jobs]
            assert len(jobs) <= 1
            assert world.creates <= 1
            for job in ended:
                assert job.state in ("succeeded", "unknown")
                if job.state == "succeeded":
                    assert world.creates == 1
                    assert content(job.path) == clip()
                    assert [name for name in files(folder) if name.endswith(".mp4")] == [Path(job.path).name]
                else:
                    assert not listing or world.creates == 0
                outcomes[job.state, listing] = outcomes.get((job.state, listing), 0) + 1
            assert not [name for name in files(folder) if name.endswith(".part")]
            await second.aclose()
            world.database.close()
            if not crashed:
                break
        assert number > 25
    assert set(outcomes) == {("succeeded", True), ("succeeded", False), ("unknown", True), ("unknown", False)}


async def test_the_same_job_is_found_again_in_a_list_only_once(world: World) -> None:
    """Of two lost jobs that asked for the same, each gets one of the two videos: which is whose makes no difference."""
    world.faults["create"] = [LOST, LOST]
    engine = world.engine()

    async def work() -> list[Job]:
        jobs = [await submit(world, engine), await submit(world, engine)]
        return await asyncio.gather(*(engine.wait(job.id) for job in jobs))

    jobs = await world.run(work())
    assert [job.state for job in jobs] == ["succeeded", "succeeded"]
    assert world.creates == 2
    assert {job.provider_job_id for job in jobs} == {"v1", "v2"}


async def test_one_of_two_videos_is_nobodys_guess(world: World) -> None:
    """Where a list holds more videos than jobs that may have made them, the job stays unknown."""
    world.videos["other"] = {
        "id": "other",
        "prompt": REQUEST.prompt,
        "model": "film",
        "created_at": world.now,
        "polls": 0,
    }
    world.faults["create"] = [LOST]
    assert (await film(world, world.engine())).state == "unknown"


async def test_a_provider_without_a_list_is_asked_once(world: World) -> None:
    """Who has no list says so once; then the job waits for its user."""
    world.faults["create"] = [LOST]
    world.listing = False
    assert (await film(world, world.engine())).state == "unknown"
    assert world.seen == ["create", "list"]


async def test_only_an_id_that_the_provider_knows_settles_a_job(world: World) -> None:
    """A mistyped id, or another job's, leaves the job unknown."""
    engine = world.engine()
    first = await film(world, engine)
    world.faults["create"] = [LOST]
    world.listing = False
    job = await film(world, engine)
    with pytest.raises(NotFoundError):
        await engine.settle(job.id, provider_job_id="v9")
    with pytest.raises(JobError, match=f"is the video of job {first.id}"):
        await engine.settle(job.id, provider_job_id="v1")
    assert engine.store.get(job.id) == job
    assert (await engine.settle(job.id, provider_job_id="v2")).state == "running"
    assert (await finish(world, engine, job)).state == "succeeded"


async def test_a_job_that_another_kernel_sends_meanwhile_is_not_sent_again(world: World) -> None:
    """A kernel that was suspended just before its create call finds the job changed and lets it be."""
    job = Job(id="j", key="k", provider="sim", request=REQUEST, created=world.now, folder=str(world.folder))
    world.store.add(job)

    class Suspended(Driver):
        async def _take(self, step: Step, job: Job, looks: int) -> bool:
            if isinstance(step, Submit) and job.revision == 0:
                world.store.move(submitting(job, world.now))
            return await super()._take(step, job, looks)

    await world.run(Suspended(world.engine()._means, lambda _: None).drive("j"))
    found = world.store.get("j")
    assert found is not None
    assert (world.creates, found.state) == (0, "unknown")


async def test_one_job_is_resumed_and_shown(world: World) -> None:
    """A job with work left goes on when it is named; one that has ended says so, and remembers that it was shown."""
    engine = world.engine()
    job = Job(id="j", key="k", provider="sim", request=REQUEST, created=world.now, folder=str(world.folder))
    world.store.add(job)
    assert (await world.run(resume_and_wait(engine, "j"))).state == "succeeded"
    with pytest.raises(JobError, match="succeeded already"):
        await engine.resume("j")
    assert engine.note_seen("j").seen
    assert engine.note_seen("j").revision == engine.note_seen("j").revision


async def resume_and_wait(engine: VideoEngine, job_id: str) -> Job:
    await engine.resume(job_id)
    return await engine.wait(job_id)


async def test_a_file_whose_time_is_up_is_said_to_be_gone(world: World) -> None:
    """A provider that has deleted the file ends the job as expired at once, whatever word it has for that."""
    for fault in (
        NotFoundError("No.", status=404, code="expired"),
        StatusError("Gone.", status=410),
    ):
        world.faults["content"] = [fault]
        job = await film(world, world.engine())
        assert (job.state, job.path) == ("expired", "")
    world.faults["content"] = [NotFoundError("Not yet.", status=404)]
    assert (await film(world, world.engine())).state == "succeeded"


async def test_an_unsafe_address_is_tried_once(world: World) -> None:
    """An address that must not be fetched from fails the job at once; the file can be tried again."""
    world.faults["content"] = [PermissionDeniedError("It leads inside.", status=200, code="unsafe_address")]
    engine = world.engine()
    job = await film(world, engine)
    assert (job.state, job.fetches) == ("failed", 1)
    await engine.retry(job.id)
    assert (await finish(world, engine, job)).state == "succeeded"


async def test_a_reply_is_folded_into_an_unknown_job() -> None:
    """The machine that the engine relies on takes a late answer."""
    job = lost(submitting(Job(id="j", provider="p", request=REQUEST), 1.0), 2.0)
    assert applied(job, JobReply(provider_job_id="v"), 3.0).state == "running"


def test_a_simulated_provider_is_asked_again_soon(world: World) -> None:
    """What is simulated costs nobody anything; a real provider gets the rest that it needs."""
    engine = world.engine()
    means = engine._means
    job = Job(id="j", key="k", provider="sim", request=REQUEST, created=0.0)
    assert (means.patience(job).first_retry, means.patience(job).longest_poll) == (1.0, 1.0)
    for name in ("openai", "gone"):
        assert means.patience(msgspec.structs.replace(job, provider=name)) is means.timing


async def test_an_order_has_one_job_however_often_it_comes(world: World) -> None:
    """Where the caller names the job, a second one by that name is refused before anything is sent."""

    async def work() -> None:
        engine = world.engine()
        job = await submit(world, engine, job_id="video_of_an_order")
        assert job.id == "video_of_an_order"
        with pytest.raises(StoreError):
            await submit(world, engine, job_id="video_of_an_order")
        await engine.wait(job.id)

    await world.run(work())
    assert world.creates == 1
