"""Videos from the simulator: ordered, followed, fetched, and charged for once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.dialects.videos.forms import FormPart, encode_form
from ve_magics.errors import RequestError, TransportError
from ve_magics.sim.film import film, thumbnail
from ve_magics.store.mp4 import probe

pytestmark = pytest.mark.anyio
Make = Callable[..., Any]
SMALL = {"prompt": "a red kite", "model": "film", "seconds": "1", "size": "128x128"}


async def finished(ask: Any, name: str) -> Any:
    """Return a video once it has ended."""
    for _ in range(500):
        row = (await ask(f"/v1/videos/{name}")).json
        if row["status"] in ("completed", "failed"):
            return row
        await asyncio.sleep(0.01)
    raise AssertionError(row)


async def made(simulator: Any) -> None:
    """Wait until every film that was begun is made."""
    await asyncio.gather(*(shot.work for shot in simulator.videos.shots))


async def test_a_video_goes_through_its_states(simulated: Make, clock: Any) -> None:
    """queued, in progress with rising progress, completed with its times."""
    ask = simulated(video_seconds=10, clock=clock.now, now=lambda: 1_800_000_000.0, sleep=clock.sleep)
    created = await ask("/v1/videos", SMALL)
    row = created.json
    assert created.status == 200
    assert float(created.headers["openai-poll-after-ms"]) > 0
    assert (row["object"], row["status"], row["progress"], row["model"]) == ("video", "queued", 0, "sim/film")
    await made(ask.simulator)
    seen = []
    for _ in range(5):
        clock.time += 2.2
        seen.append((await ask(f"/v1/videos/{row['id']}")).json)
    assert [one["status"] for one in seen] == ["in_progress"] * 4 + ["completed"]
    assert [one["progress"] for one in seen] == [22, 44, 66, 88, 100]
    assert (seen[-1]["completed_at"], seen[-1]["expires_at"]) == (1_800_000_010, 1_800_003_610)
    assert (seen[-1]["seconds"], seen[-1]["size"], seen[-1]["prompt"]) == ("1", "128x128", "a red kite")


async def test_the_file_is_a_real_film_of_the_prompt(simulated: Make) -> None:
    """The bytes are those of the film maker, readable as MP4; the thumbnail shows its scene."""
    ask = simulated()
    name = (await ask("/v1/videos", SMALL)).json["id"]
    await finished(ask, name)
    file = await ask(f"/v1/videos/{name}/content")
    assert file.headers["content-type"] == "video/mp4"
    assert file.body == film("a red kite", seconds=1, width=128, height=128)
    told = probe(file.body)
    assert (told.width, told.height) == (128, 128)
    assert told.duration == pytest.approx(1)
    still = await ask(f"/v1/videos/{name}/content?variant=thumbnail")
    assert (still.headers["content-type"], still.body) == (
        "image/png",
        thumbnail("a red kite", width=128, height=128),
    )
    assert (await ask(f"/v1/videos/{name}/content?variant=spritesheet")).status == 400
    assert ask.simulator.counters.downloads == 2


async def test_parts_of_a_file_can_be_fetched(simulated: Make) -> None:
    """Ranges give 206 with the right bytes, impossible ones 416, and an outdated `if-range` the whole file."""
    ask = simulated()
    name = (await ask("/v1/videos", SMALL)).json["id"]
    await finished(ask, name)
    path = f"/v1/videos/{name}/content"
    whole = await ask(path)
    size = len(whole.body)
    for wanted, start, end in (
        ("bytes=0-9", 0, 10),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
    ):
        part = await ask(path, headers={"range": wanted})
        assert (part.status, part.body) == (206, whole.body[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert (await ask(path, headers={"range": f"bytes={size}-"})).status == 416
    assert (await ask(path, headers={"range": "bytes=0-9", "if-range": '"old"'})).status == 200
    again = await ask(path, headers={"range": "bytes=0-9", "if-range": whole.headers["etag"]})
    assert again.status == 206


async def test_a_form_is_as_good_as_json(simulated: Make) -> None:
    """A multipart order with a picture makes the same video."""
    ask = simulated()
    parts = [FormPart(name, value.encode()) for name, value in SMALL.items()]
    parts.append(FormPart("input_reference", b"\x89PNG", "a.png", "image/png"))
    content_type, body = encode_form(parts)
    row = (await ask("/v1/videos", raw=body, headers={"content-type": content_type})).json
    assert (row["prompt"], row["size"]) == ("a red kite", "128x128")


async def test_every_creation_is_counted_and_made_once(simulated: Make) -> None:
    """Two orders are two videos with different ids; an idempotency key counts only where that is set."""
    key = {"idempotency-key": "k1"}
    plain, careful = simulated(), simulated(idempotent=True)
    for ask, videos in ((plain, 2), (careful, 1)):
        names = {(await ask("/v1/videos", SMALL, headers=key)).json["id"] for _ in range(2)}
        await made(ask.simulator)
        assert len(names) == videos
        assert ask.simulator.counters.videos_created == videos
        assert ask.simulator.counters.videos_made == videos


async def test_ids_are_stable(simulated: Make) -> None:
    """The same orders in the same order have the same ids in every simulator."""
    one, other = simulated(), simulated()
    for _ in range(2):
        assert (await one("/v1/videos", SMALL)).json["id"] == (await other("/v1/videos", SMALL)).json["id"]


async def test_videos_are_listed_changed_and_deleted(simulated: Make) -> None:
    """Newest first by default, in pages; a remix names its parent; what was deleted is unknown."""
    ask = simulated()
    names = [(await ask("/v1/videos", {**SMALL, "seed": seed})).json["id"] for seed in range(3)]
    for name in names:
        await finished(ask, name)
    page = (await ask("/v1/videos?limit=2")).json
    assert ([row["id"] for row in page["data"]], page["has_more"]) == ([names[2], names[1]], True)
    rest = (await ask(f"/v1/videos?limit=2&after={page['last_id']}")).json
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([names[0]], False)
    assert [row["id"] for row in (await ask("/v1/videos?order=asc")).json["data"]] == names
    remix = (await ask(f"/v1/videos/{names[0]}/remix", {"prompt": "a blue kite"})).json
    assert (remix["remixed_from_video_id"], remix["prompt"]) == (names[0], "a blue kite")
    gone = (await ask(f"/v1/videos/{names[1]}", method="DELETE")).json
    assert gone == {"id": names[1], "object": "video.deleted", "deleted": True}
    assert (await ask(f"/v1/videos/{names[1]}")).status == 404


async def test_what_is_not_finished_can_be_neither_fetched_nor_deleted(simulated: Make) -> None:
    """A running job refuses content, deletion and remix."""
    ask = simulated(video_seconds=60)
    name = (await ask("/v1/videos", SMALL)).json["id"]
    assert (await ask(f"/v1/videos/{name}/content")).status == 409
    assert (await ask(f"/v1/videos/{name}", method="DELETE")).status == 409
    assert (await ask(f"/v1/videos/{name}/remix", {"prompt": "x"})).status == 400


@pytest.mark.parametrize(
    ("change", "param"),
    [({"size": "127x128"}, "size"), ({"size": "big"}, "size"), ({"seconds": "99"}, "seconds"), ({"prompt": " "}, "prompt"),
     ({"n": 2}, "n")],
)  # fmt: skip
async def test_what_can_t_be_filmed_is_refused_before_it_costs(
    simulated: Make, change: dict[str, object], param: str
) -> None:
    """The error names the field, and nothing was created."""
    ask = simulated()
    reply = await ask("/v1/videos", {**SMALL, **change})
    assert (reply.status, reply.json["error"]["param"]) == (400, param)
    assert ask.simulator.counters.videos_created == 0


async def test_unknown_video_models_are_told(simulated: Make) -> None:
    """404 with the models that there are."""
    reply = await simulated()("/v1/videos", {**SMALL, "model": "sora-2"})
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("fault", "code"), [("job", "server_error"), ("job-moderation", "moderation_blocked")]
)
async def test_jobs_fail_on_their_way(simulated: Make, fault: str, code: str) -> None:
    """The job is created, charged and then fails with its code."""
    ask = simulated()
    row = await finished(ask, (await ask("/v1/videos", {**SMALL, "model": f"fault-{fault}"})).json["id"])
    assert (row["status"], row["error"]["code"]) == ("failed", code)
    assert ask.simulator.counters.videos_created == 1


async def test_a_refused_prompt_costs_nothing(simulated: Make) -> None:
    """Moderation at once: an error, and no job."""
    ask = simulated()
    reply = await ask("/v1/videos", {**SMALL, "model": "fault-moderation"})
    assert (reply.status, reply.json["error"]["code"]) == (400, "moderation_blocked")
    assert ask.simulator.counters.videos_created == 0


async def test_a_lost_answer_leaves_a_job(simulated: Make) -> None:
    """The connection breaks and the job is there: whoever sends it again pays twice."""
    ask = simulated()
    with pytest.raises(TransportError):
        await ask("/v1/videos", {**SMALL, "model": "fault-lost"})
    assert ask.simulator.counters.videos_created == 1
    assert len((await ask("/v1/videos")).json["data"]) == 1


async def test_expired_and_stuck_jobs(simulated: Make) -> None:
    """An expired job is completed without a file, a stuck one never ends."""
    ask = simulated()
    expired = await finished(ask, (await ask("/v1/videos", {**SMALL, "model": "fault-expired"})).json["id"])
    assert expired["status"] == "completed"
    assert (await ask(f"/v1/videos/{expired['id']}/content")).status == 404
    stuck = (await ask("/v1/videos", {**SMALL, "model": "fault-stuck"})).json["id"]
    await made(ask.simulator)
    assert (await ask(f"/v1/videos/{stuck}")).json["status"] == "in_progress"


async def test_a_download_that_breaks_can_be_taken_up_again(simulated: Make) -> None:
    """The first try breaks in the middle, the second one works."""
    ask = simulated()
    name = (await ask("/v1/videos", {**SMALL, "model": "fault-downloadx1"})).json["id"]
    await finished(ask, name)
    with pytest.raises(RequestError):
        await ask(f"/v1/videos/{name}/content")
    assert (await ask(f"/v1/videos/{name}/content")).body[4:8] == b"ftyp"


async def test_chat_faults_are_none_of_videos(simulated: Make) -> None:
    """A fault that makes no sense here is told, not ignored."""
    assert (await simulated()("/v1/videos", {**SMALL, "model": "fault-broken-json"})).status == 400
    assert (await simulated()("/v1/videos", {**SMALL, "model": "fault-503"})).status == 503
