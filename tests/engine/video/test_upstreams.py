"""Whole jobs at providers that queue, host and resell: each upstream is written from its documentation, not our codec."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.video.world import QUICK, World, clip
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import Link
from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.calling import wire_call
from ve_magics.engine.keys import Secret
from ve_magics.engine.video import VideoEngine
from ve_magics.errors import NotFoundError, TransportError
from ve_magics.jobs import Job, VideoRequest
from ve_magics.providers import Provider

pytestmark = pytest.mark.anyio

Answer = tuple[int, dict[str, str], object]
Upstream = Callable[[str, str, Mapping[str, str], Any], Answer]
"""Method, address, headers and JSON body of a call in; status, headers and JSON body of its answer out."""

KEY = "ve-test-key"


class Wired(World):
    """The world with an upstream that sees calls as they are on the wire."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        super().__init__(folder)
        self.upstream = upstream
        self.log: list[tuple[str, str]] = []
        self.gone: set[str] = set()
        self.lose: set[str] = set()

    async def call(self, wire: WireRequest, provider: Provider) -> tuple[int, Mapping[str, str], bytes]:
        sent = wire_call(wire, provider, Secret(KEY, "TEST"))
        self.log.append((sent.method, sent.url))
        body = json.loads(sent.body) if sent.body else None
        status, headers, answer = self.upstream(sent.method, sent.url, dict(sent.headers), body)
        if sent.method in self.lose:
            self.lose.discard(sent.method)
            raise TransportError("the connection broke")
        return status, headers, json.dumps(answer).encode()

    def fetch(self, source: WireRequest | Link, provider: Provider) -> AsyncGenerator[bytes, None]:
        self.fetched.append(source)
        return self._file(source.url if isinstance(source, Link) else provider.base_url + source.path)

    async def _file(self, url: str) -> AsyncGenerator[bytes, None]:
        if url in self.gone:
            raise NotFoundError("gone", status=404)
        yield clip()

    def kernel(self) -> VideoEngine:
        return self.engine(dialect=get_video_dialect, account=lambda job: job.cost, timing=QUICK)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Callable[[Upstream], Wired]]:
    worlds: list[Wired] = []

    def make(upstream: Upstream) -> Wired:
        worlds.append(Wired(tmp_path, upstream))
        return worlds[-1]

    yield make
    for world in worlds:
        world.database.close()


def content(path: str) -> bytes:
    return Path(path).read_bytes()


async def film(world: Wired, provider: str, **request: Any) -> Job:
    engine = world.kernel()

    async def work() -> Job:
        job = await engine.submit(
            VideoRequest(**{"prompt": "a fox", **request}), provider, folder=world.folder
        )
        return await engine.wait(job.id)

    return await world.run(work())


class FalQueue:
    """fal's queue: a request goes through the queue, and its result has an address of its own."""

    app = "https://queue.fal.run/fal-ai/kling-video"

    def __init__(self, result: Answer) -> None:
        self.result = result
        self.bodies: list[Any] = []
        self.statuses = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
        self.cancelled = False

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        if headers["authorization"] != f"Key {KEY}":
            return 401, {}, {"detail": "No user found for Key ID and Secret"}
        own = f"{self.app}/requests/r-1"
        addresses = {"response_url": own, "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}
        match method, url:
            case "POST", "https://queue.fal.run/fal-ai/kling-video/v2.1/standard/image-to-video":
                self.bodies.append(body)
                return 200, {}, {"status": "IN_QUEUE", "request_id": "r-1", "queue_position": 1, **addresses}
            case "GET", there if there == addresses["status_url"]:
                status = self.statuses[0]
                if len(self.statuses) > 1:
                    del self.statuses[0]
                told = {"status": status, "request_id": "r-1", **addresses}
                return 200 if status == "COMPLETED" else 202, {}, told
            case "GET", there if there == own:
                return self.result
            case "PUT", there if there == addresses["cancel_url"]:
                self.cancelled = True
                return 202, {}, {"status": "CANCELLATION_REQUESTED"}
        return 405, {}, {"detail": "Method Not Allowed"}


FAL_MODEL = "fal-ai/kling-video/v2.1/standard/image-to-video"
FAL_FILE = "https://v3.fal.media/files/a/out.mp4"
FAL_DONE: Answer = (200, {}, {"video": {"url": FAL_FILE, "content_type": "video/mp4"}})


async def test_a_film_of_fals_queue_lands(wired: Callable[[Upstream], Wired]) -> None:
    """Its own addresses are followed, the result is asked for after completion, and no key goes to the file's host."""
    queue = FalQueue(FAL_DONE)
    world = wired(queue)
    job = await film(world, "fal", model=FAL_MODEL, seconds=5, extra={"cfg_scale": 0.5})
    assert job.state == "succeeded"
    assert content(job.path) == clip()
    assert queue.bodies == [{"prompt": "a fox", "duration": "5", "cfg_scale": 0.5}]
    calls = [(method, url.removeprefix(queue.app)) for method, url in world.log]
    assert calls == [
        ("POST", "/v2.1/standard/image-to-video"),
        *[("GET", "/requests/r-1/status")] * 3,
        ("GET", "/requests/r-1"),
    ]
    assert world.fetched == [Link(FAL_FILE, keyed=False)]


async def test_a_result_of_fals_that_is_an_error_ends_the_job(wired: Callable[[Upstream], Wired]) -> None:
    """The model's refusal comes with the result; it is the job's failure, and nothing is asked again."""
    detail = [{"loc": ["body", "prompt"], "msg": "It was flagged.", "type": "content_policy_violation"}]
    world = wired(FalQueue((422, {"x-fal-retryable": "false"}, {"detail": detail})))
    job = await film(world, "fal", model=FAL_MODEL)
    assert job.state == "failed"
    assert job.failure is not None
    assert (job.failure.kind, job.failure.code) == ("content_filter", "content_policy_violation")
    assert "flagged" in job.failure.message
    assert world.log[-1] == ("GET", f"{FalQueue.app}/requests/r-1")


async def test_a_job_in_fals_queue_outlives_its_kernel(wired: Callable[[Upstream], Wired]) -> None:
    """What the queue said of its addresses is written down: the next kernel asks for the result at once."""
    queue = FalQueue((503, {}, {"detail": "Service Unavailable"}))
    world = wired(queue)
    engine = world.kernel()

    async def begin() -> Job:
        job = await engine.submit(VideoRequest(prompt="a fox", model=FAL_MODEL), "fal", folder=world.folder)
        async for news in engine.watch(job.id):
            if news.failures:
                return news
        raise AssertionError("it ended")

    job = await world.run(begin())
    await world.kill()
    assert (job.state, job.raw_status) == ("running", "COMPLETED")
    queue.result = FAL_DONE
    world.now += 100
    world.log.clear()
    second = world.kernel()

    async def go_on() -> Job:
        await second.resume(job.id)
        return await second.wait(job.id)

    done = await world.run(go_on())
    assert (done.state, len(queue.bodies)) == ("succeeded", 1)
    assert world.log == [("GET", f"{queue.app}/requests/r-1")]
    assert content(done.path) == clip()


async def test_a_job_in_fals_queue_is_stopped_at_its_own_address(wired: Callable[[Upstream], Wired]) -> None:
    """Cancelling is a request to the address that the queue named."""
    queue = FalQueue(FAL_DONE)
    queue.statuses = ["IN_PROGRESS"]
    world = wired(queue)
    engine = world.kernel()

    async def work() -> Job:
        job = await engine.submit(VideoRequest(prompt="a fox", model=FAL_MODEL), "fal", folder=world.folder)
        async for news in engine.watch(job.id):
            if news.raw_status == "IN_PROGRESS":
                return await engine.cancel(job.id)
        raise AssertionError("it ended")

    job = await world.run(work())
    assert (job.state, queue.cancelled) == ("cancelled", True)


class ReplicateApi:
    """Replicate's predictions, with their list."""

    def __init__(self, *, removed: bool = False) -> None:
        self.removed = removed
        self.creates = 0
        self.polls = 0

    def prediction(self, status: str, output: object) -> dict[str, Any]:
        return {
            "id": "p1",
            "model": "minimax/video-01",
            "version": "hidden",
            "input": {"prompt": "a fox"},
            "status": status,
            "output": output,
            "error": None,
            "logs": "",
            "data_removed": self.removed and status == "succeeded",
            "created_at": "1970-01-01T00:16:40Z",
            "urls": {"get": "https://api.replicate.com/v1/predictions/p1"},
        }

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        if headers["authorization"] != f"Bearer {KEY}":
            return 401, {}, {"title": "Unauthenticated", "detail": "no token", "status": 401}
        match method, url.removeprefix("https://api.replicate.com/v1"):
            case "POST", "/models/minimax/video-01/predictions" if set(body) == {"input"}:
                self.creates += 1
                return 201, {}, self.prediction("starting", None)
            case "GET", "/predictions/p1":
                self.polls += 1
                if self.polls < 3:
                    return 200, {}, self.prediction("processing", None)
                output = None if self.removed else ["https://replicate.delivery/x/out.mp4"]
                return 200, {}, self.prediction("succeeded", output)
            case "GET", "/predictions":
                return (
                    200,
                    {},
                    {"next": None, "previous": None, "results": [self.prediction("processing", None)]},
                )
        return 404, {}, {"detail": "The requested resource could not be found.", "status": 404}


async def test_a_prediction_lands(wired: Callable[[Upstream], Wired]) -> None:
    """Created under its model's own address, polled by its id, fetched without the key."""
    world = wired(ReplicateApi())
    job = await film(world, "replicate", model="minimax/video-01")
    assert (job.state, job.provider_job_id) == ("succeeded", "p1")
    assert content(job.path) == clip()
    assert world.fetched == [Link("https://replicate.delivery/x/out.mp4", keyed=False)]


async def test_a_prediction_whose_answer_got_lost_is_found_in_the_list(
    wired: Callable[[Upstream], Wired],
) -> None:
    """Nothing is created twice: the list holds the prompt, the model and the time."""
    upstream = ReplicateApi()
    world = wired(upstream)
    world.lose = {"POST"}
    job = await film(world, "replicate", model="minimax/video-01")
    assert (job.state, job.provider_job_id, upstream.creates) == ("succeeded", "p1", 1)


async def test_a_prediction_whose_data_are_gone_has_expired(wired: Callable[[Upstream], Wired]) -> None:
    """After an hour there is nothing to fetch, and the user is told so."""
    world = wired(ReplicateApi(removed=True))
    assert (await film(world, "replicate", model="minimax/video-01")).state == "expired"


class Gateway:
    """A gateway of the new-api family: three formats beside each other, as its models need them."""

    base = "https://api.vectorengine.ai/v1"

    def __init__(self) -> None:
        self.polls: dict[str, int] = {}

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        parts = urlsplit(url)
        path = parts.path.removeprefix("/v1")
        turn = self.polls[url] = self.polls.get(url, 0) + 1
        match method, path:
            case "POST", "/video/create" if body["model"].startswith("veo"):
                return 200, {}, {"id": "veo:1", "status": "pending", "status_update_time": 1_000_000}
            case "GET", "/video/query" if parse_qs(parts.query) == {"id": ["veo:1"]}:
                steps = ("video_generating", "video_generation_completed", "completed")
                told = {
                    "id": "veo:1",
                    "status": steps[min(turn, 3) - 1],
                    "enhanced_prompt": "A fox, cinematic.",
                }
                return 200, {}, {**told, "video_url": "https://files.test/veo.mp4" if turn > 2 else None}
            case "POST", "/video/generations" if body["model"].startswith("kling"):
                return 200, {}, {"task_id": "task_1", "status": "submitted"}
            case "GET", "/video/generations/task_1":
                task = {"task_id": "task_1", "platform": "kling", "action": "textGenerate", "progress": "50%"}
                task |= {"status": "IN_PROGRESS", "fail_reason": ""}
                if turn > 1:
                    task |= {
                        "status": "SUCCESS",
                        "progress": "100%",
                        "fail_reason": "https://files.test/k.mp4",
                    }
                return 200, {}, {"code": "success", "message": "", "data": task}
        return (
            404,
            {},
            {"error": {"message": f"Invalid URL ({method} {path})", "type": "invalid_request_error"}},
        )


async def test_a_gateway_is_asked_as_each_model_needs(wired: Callable[[Upstream], Wired]) -> None:
    """One provider, two formats: the model's name decides, and each film lands."""
    world = wired(Gateway())
    veo = await film(world, "vectorengine", model="veo3.1-fast", aspect="16:9")
    assert (veo.state, veo.urls) == ("succeeded", ("https://files.test/veo.mp4",))
    assert veo.revised_prompt == "A fox, cinematic."
    kling = await film(world, "vectorengine", model="kling-v2", seconds=5)
    assert (kling.state, kling.urls) == ("succeeded", ("https://files.test/k.mp4",))
    assert content(kling.path) == clip()


async def test_a_dead_link_of_a_gateway_gives_way_to_its_content_call(
    wired: Callable[[Upstream], Wired],
) -> None:
    """The gateway keeps a way to the file that doesn't grow stale."""
    world = wired(Gateway())
    world.gone = {"https://files.test/k.mp4"}
    job = await film(world, "vectorengine", model="kling-v2")
    assert job.state == "succeeded"
    own = WireRequest("/videos/task_1/content", method="GET", headers=(), stream=True)
    assert world.fetched[:2] == [Link("https://files.test/k.mp4"), own]


async def test_openrouters_cost_and_keyed_file_are_taken(wired: Callable[[Upstream], Wired]) -> None:
    """The unsigned address is OpenRouter's own, so the key goes there; the cost is what it says."""
    own = "https://openrouter.ai/api/v1/videos/gen-vid-1"
    turns = iter(["pending", "in_progress", "completed"])

    def upstream(method: str, url: str, headers: Mapping[str, str], body: Any) -> Answer:
        status = next(turns)
        told: dict[str, Any] = {"id": "gen-vid-1", "polling_url": own, "status": status}
        if method == "POST":
            assert (url, body["model"]) == ("https://openrouter.ai/api/v1/videos", "google/veo-3.1")
            return 202, {}, told
        assert url == own
        if status == "completed":
            told |= {"unsigned_urls": [f"{own}/content?index=0"], "usage": {"cost": 0.35, "is_byok": False}}
        return 200, {}, told

    world = wired(upstream)
    job = await film(world, "openrouter", model="google/veo-3.1")
    assert (job.state, job.cost) == ("succeeded", 0.35)
    assert world.fetched == [Link(f"{own}/content?index=0", keyed=True)]
