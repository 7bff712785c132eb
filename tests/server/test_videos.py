"""Films over HTTP: the official SDK unmodified, every provider, each holder's own, and every refusal before money."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from tests.engine.video.vendors import KEYS, Kling, MiniMax, Vendor, VolcEngine
from tests.engine.video.world import clip, picture
from tests.server.films import VendorApp, made, order
from tests.server.running import TOKEN, Running, until
from ve_magics.engine.session import Session
from ve_magics.jobs import Job, JobFailure, VideoRequest, lost, moved, submitting
from ve_magics.routing import Target
from ve_magics.server import Grant
from ve_magics.server.accounts import Accounts, book_of
from ve_magics.server.orders import Orders
from ve_magics.store.database import open_store
from ve_magics.store.mp4 import probe

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")

OTHER = Grant(name="other", token="token-of-another")
BROKEN = JobFailure("It failed.")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve the simulator to three holders."""
    with Running(tmp_path_factory.mktemp("served"), "[prices]\n", grants=(OTHER,)) as running:
        yield running


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    """The official SDK."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=TOKEN, max_retries=0) as made_client:
        yield made_client


def test_the_official_sdk_films_unmodified(server: Running, client: openai.OpenAI, tmp_path: Path) -> None:
    """Create, retrieve, poll, download, remix, list in pages and delete all work, and the file is whole."""
    first = client.videos.create(prompt="A red fox", model="sim/film", seconds="1", size="128x128")  # type: ignore[arg-type]  # other sizes than its maker's
    assert first.status in ("queued", "in_progress")
    assert client.videos.retrieve(first.id).id == first.id
    first = client.videos.poll(first.id)
    assert (first.status, first.progress, first.model, first.seconds, first.size) == (
        "completed",
        100,
        "sim/film",
        "1",
        "128x128",
    )
    assert first.completed_at
    client.videos.download_content(first.id).write_to_file(tmp_path / "film.mp4")
    assert probe(tmp_path / "film.mp4").duration == pytest.approx(1.0)
    poster = client.videos.download_content(first.id, variant="thumbnail")
    assert poster.read().startswith(b"\x89PNG")
    assert poster.response.headers["content-type"] == "image/png"
    remix = client.videos.poll(client.videos.remix(first.id, prompt="At night").id)
    assert (remix.status, remix.remixed_from_video_id, remix.prompt) == ("completed", first.id, "At night")
    second = client.videos.create_and_poll(
        prompt="A fox",
        model="sim/film",
        seconds="1",  # type: ignore[arg-type]  # as above
        input_reference=("fox.png", picture(), "image/png"),
    )
    assert second.status == "completed"
    names = [video.id for video in client.videos.list(limit=1)]
    assert names[:3] == [second.id, remix.id, first.id]
    page = client.videos.list(limit=2, order="asc", after=first.id)
    assert [video.id for video in page.data] == [remix.id, second.id]
    assert page.has_more is False
    deleted = client.videos.delete(first.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (first.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(first.id)
    assert not list((server.session.data / "media").glob(f"{first.id}*"))


@pytest.mark.anyio
async def test_the_asynchronous_sdk(server: Running) -> None:
    """The SDK's asynchronous client films as well, and streams the file to disk."""
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=TOKEN) as client:
        film = await client.videos.create_and_poll(prompt="A fox", model="sim/film", seconds="1")  # type: ignore[arg-type]  # as above
        async with client.videos.with_streaming_response.download_content(film.id) as reply:
            pieces = [piece async for piece in reply.iter_bytes()]
    assert b"".join(pieces)[4:8] == b"ftyp"


VENDORS: tuple[tuple[type[Vendor], str, dict[str, Any]], ...] = (
    (Kling, "kling-v2-6", {"seconds": "5"}),
    (MiniMax, "MiniMax-Hailuo-2.3", {"seconds": "6"}),
    (VolcEngine, "doubao-seedance-1-0-pro-250528", {"seconds": "5"}),
)


def test_every_provider_s_format_is_reached(tmp_path: Path) -> None:
    """Three providers, each with a wire format of its own, film for the same SDK; each film is ordered once."""
    vendors = {kind.name: kind() for kind, _, _ in VENDORS}
    apps = {vendor.host: VendorApp(vendor) for vendor in vendors.values()}
    rows = "".join(f'[providers.{name}]\nkey = "env:{name.upper()}_TEST"\n' for name in vendors)
    environ = {f"{name.upper()}_TEST": KEYS[name] for name in vendors}
    with (
        Running(tmp_path, rows, apps, environ=environ) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=TOKEN, max_retries=0) as client,
    ):
        films = {
            kind.name: client.videos.create(prompt="A fox", model=f"{kind.name}/{model}", **more)
            for kind, model, more in VENDORS
        }
        for name, film in films.items():
            done = client.videos.poll(film.id)
            assert (done.status, done.error) == ("completed", None), name
            reply = client.videos.download_content(film.id)
            assert reply.read() == clip(), name
            assert reply.response.headers["x-ve-target"].startswith(f"{name}/")
            assert len(vendors[name].tasks) == 1
        refused = server("/v1/videos", {"prompt": "A fox", "model": "kling/kling-v2-6", "seconds": "7"})
        assert refused.status == 400
        assert "The nearest is 5" in refused.json["error"]["message"]
        assert len(vendors["kling"].tasks) == 1, "nothing was sent"
        remix = server(f"/v1/videos/{films['minimax'].id}/remix", {"prompt": "At night"})
        assert (remix.status, remix.json["error"]["param"]) == (400, "remix_of")


def test_the_aggregators_format(server: Running) -> None:
    """A job has what each reader of the format looks for; its address serves the file, with the same token."""
    begun = order(server, path="/v1/video/generations", duration=1, seconds=None)
    assert begun.status == 200
    assert begun.json["task_id"] == begun.json["id"]
    made(server, begun.json["id"])
    done = server(f"/v1/video/generations/{begun.json['id']}").json
    assert done["status"] == "completed"
    assert done["data"][0]["url"] == done["url"] == f"{server.url}/v1/videos/{done['id']}/content"
    assert server(done["url"].removeprefix(server.url)).body[4:8] == b"ftyp"
    behind = server(
        f"/v1/video/generations/{done['id']}",
        headers={"host": "films.example.com", "x-forwarded-proto": "https"},
    )
    assert behind.json["url"].startswith("https://films.example.com/v1/videos/")
    odd = server(f"/v1/video/generations/{done['id']}", headers={"host": 'x"><script>'})
    assert odd.json["url"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/videos", lambda body: body["error"]["message"]),
        ("/v1/video/generations", lambda body: body["message"]),
    ],
)
def test_what_can_t_be_made_is_refused_before_money(server: Running, path: str, shape: Any) -> None:
    """Each refusal is a 4xx in the form of its format, and names the nearest that can be made."""
    before = server.simulator.counters.videos_created
    length = "duration" if path.endswith("generations") else "seconds"
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({length: 99}, 400, "The nearest is 30"),
        ({length: "soon"}, 400, length),
        ({"prompt": " "}, 400, "prompt"),
        ({"size": "big"}, 400, "size"),
        ({"n": 3}, 400, "once for each"),
        ({"model": "nobody/film"}, 404, "nobody"),
        ({"model": "kling/kling-v2-6", "size": None, length: 5}, 401, "key"),
        ({"input_reference": "not a picture"}, 400, "input_reference"),
    ]
    for more, status, words in cases:
        reply = order(server, path=path, **more)
        assert reply.status == status, (more, reply.body)
        assert words in shape(reply.json), (more, reply.body)
    assert server("/v1/videos", token="wrong").status == 401
    assert shape(server(path, b"{", token=TOKEN).json)
    assert shape(server(path, {"prompt": "x"}, token="wrong-token-1").json)
    assert shape(server(path, method="PATCH").json)
    assert server.simulator.counters.videos_created == before


def test_a_provider_without_films_is_refused(tmp_path: Path) -> None:
    """A model that films nothing is told so, by its own name."""
    toml = '[providers.a]\nbase_url = "https://a.test/v1"\ndialect = "chat_completions"\nkey = "env:UPSTREAM_KEY"\n'
    with Running(tmp_path, toml) as server:
        reply = order(server, model="a/m")
    assert (reply.status, reply.json["error"]["message"]) == (400, "a/m makes no videos.")


def test_a_route_films_with_the_first_target_that_can(tmp_path: Path) -> None:
    """A model is a route or an alias as for chat; without one the default films. A token's list of models holds."""
    toml = (
        '[defaults]\nvideo = "movies"\n[aliases]\nfox = "movies"\n[routes.movies]\ntargets = ["a/chat", "sim/film"]\n'
        '[providers.a]\nbase_url = "https://a.test/v1"\ndialect = "messages"\nkey = "env:UPSTREAM_KEY"\n'
    )
    narrow = Grant(name="narrow", token="token-of-the-narrow", models=("fox",))
    with Running(tmp_path, toml, grants=(narrow,)) as server:
        for model in ("movies", "fox", None):
            reply = order(server, model=model)
            assert reply.status == 200
            assert reply.headers["x-ve-target"] == "sim/film"
            assert reply.json["model"] == (model or "movies")
        assert order(server, token=narrow.token).status == 403
        own = order(server, model="fox", token=narrow.token)
        assert own.status == 200
        made(server, own.json["id"], token=narrow.token)
        extra = order(server, model="fox", token=narrow.token, quality="best")
        assert (extra.status, extra.json["error"]["param"]) == (400, "quality")
        remix = f"/v1/videos/{own.json['id']}/remix"
        assert server(remix, {"prompt": "x", "model_name": "dearer"}, token=narrow.token).status == 400
        assert server(remix, {"prompt": "x"}, token=narrow.token).status == 200


def test_a_holder_sees_its_own_films_alone(server: Running) -> None:
    """Whatever is asked about another holder's film, it is as if there were none."""
    mine = order(server).json["id"]
    made(server, mine)
    for method, path, body in (
        ("GET", f"/v1/videos/{mine}", None),
        ("GET", f"/v1/video/generations/{mine}", None),
        ("GET", f"/v1/videos/{mine}/content", None),
        ("HEAD", f"/v1/videos/{mine}/content", None),
        ("DELETE", f"/v1/videos/{mine}", None),
        ("POST", f"/v1/videos/{mine}/remix", {"prompt": "x"}),
        ("GET", f"/v1/videos?after={mine}", None),
    ):
        assert server(path, body, method=method, token=OTHER.token).status == 404, (method, path)
    listed = server("/v1/videos", token=OTHER.token).json
    assert (listed["data"], listed["has_more"], listed["first_id"]) == ([], False, None)
    assert server(f"/v1/videos/{mine}").status == 200


def test_the_same_key_is_the_same_film(server: Running) -> None:
    """An order that is repeated with its idempotency key makes nothing new; other holders' keys are others."""
    before = server.simulator.counters.videos_created
    key = {"idempotency-key": "order-1"}
    first = order(server, headers=key).json["id"]
    assert [order(server, headers=key).json["id"] for _ in range(3)] == [first] * 3
    made(server, first)
    assert order(server, headers=key).json["status"] == "completed"
    other = order(server, headers=key, token=OTHER.token).json["id"]
    assert other != first
    made(server, other, token=OTHER.token)
    assert server.simulator.counters.videos_created == before + 2
    reused = order(server, headers=key, prompt="Another fox")
    assert (reused.status, reused.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert order(server, headers={"idempotency-key": "x" * 256}).status == 400
    remix = [
        server(f"/v1/videos/{first}/remix", {"prompt": "At night"}, headers={"idempotency-key": "order-2"})
        for _ in range(2)
    ]
    assert remix[0].json["id"] == remix[1].json["id"]


def test_a_picture_comes_in_any_form(server: Running) -> None:
    """An uploaded file, a data address and plain base64 are taken; what says that it is no picture is not."""
    data = base64.b64encode(picture()).decode()
    for path, value in (
        ("/v1/videos", {"image_url": f"data:image/png;base64,{data}"}),
        ("/v1/videos", json.dumps({"image_url": f"data:image/png;base64,{data}"})),
        ("/v1/video/generations", data),
    ):
        assert order(server, path=path, input_reference=value).status == 200
    text = {"image_url": f"data:text/html;base64,{data}"}
    assert order(server, input_reference=text).json["error"]["param"] == "input_reference"


def test_a_film_that_has_ended_keeps_no_picture(server: Running) -> None:
    """The picture is written down with the order, and no longer than it is needed; its order is known all the same."""
    key = {"idempotency-key": "order-with-a-picture"}
    frame = {"image_url": f"data:image/png;base64,{base64.b64encode(picture()).decode()}"}
    name = order(server, headers=key, input_reference=frame).json["id"]
    jobs = server.session.filming.jobs

    def kept() -> bytes | None:
        job = jobs.get(name)
        assert job is not None
        assert job.request.first_frame is not None
        return job.request.first_frame.data

    made(server, name)
    until(lambda: not kept())
    assert order(server, headers=key, input_reference=frame).json["id"] == name
    other = {"image_url": f"data:image/png;base64,{base64.b64encode(picture() + b'x').decode()}"}
    assert order(server, headers=key, input_reference=other).status == 422
    assert server(f"/v1/videos/{name}").json["status"] == "completed"


@pytest.mark.anyio
async def test_two_servers_that_are_asked_at_once(server: Running) -> None:
    """Where another server has written the order down a moment before, its job is the order's."""
    session = Session(
        config=server.config,
        data=server.session.data,
        store=open_store(server.session.data / "ve_magics.sqlite"),
    )
    orders = Orders(session, Accounts(session))
    grant = Grant(name="tests", token=TOKEN)
    order_of = VideoRequest(prompt="A fox", seconds=1, size="128x128")
    asked = (grant, order_of, "sim/film", Target("sim", "film"), "the-same-key")
    first, second = await orders._submit(*asked), await orders._submit(*asked)
    assert (first.fresh, second.fresh) == (True, False)
    assert first.job.id == second.job.id
    await session.aclose()


def put(server: Running, job: Job) -> str:
    """Write a job of the tests' holder down and return its id."""
    server.session.filming.jobs.add(job)
    return job.id


def job_of(name: str, **more: Any) -> Job:
    """Return a job of the tests' holder."""
    request = VideoRequest(prompt="A fox", model="film")
    return Job(id=name, provider="sim", request=request, notebook=book_of("tests"), cell="sim/film", **more)


def test_a_file_that_isn_t_there_is_told_apart(server: Running, tmp_path: Path) -> None:
    """Not yet is 409, failed 404 with its reason, expired and lost files 410; none is a 500."""
    why = JobFailure("The picture shows a real person.", code="moderation_blocked")
    waits = {"wait": 3600.0, "contact": 1e12, "submitted": 1e12, "provider_job_id": "v"}
    cases = {
        put(server, job_of("j-running", state="running", **waits)): (409, "video_not_ready", "running"),
        put(server, job_of("j-failed", state="failed", failure=why)): (404, "video_failed", "a real person"),
        put(server, job_of("j-cancelled", state="cancelled")): (404, "video_failed", "cancelled"),
        put(server, job_of("j-expired", state="expired", provider_job_id="v")): (410, "expired", "expired"),
        put(server, job_of("j-gone", state="succeeded", path=str(tmp_path / "no.mp4"))): (
            410,
            "expired",
            "no longer",
        ),
    }
    for name, (status, code, words) in cases.items():
        reply = server(f"/v1/videos/{name}/content")
        assert (reply.status, reply.json["error"]["code"]) == (status, code), name
        assert words in reply.json["error"]["message"]
    assert server("/v1/videos/j-gone/content?variant=thumbnail").json["error"]["code"] == "no_thumbnail"
    assert server("/v1/videos/j-gone/content?variant=spritesheet").json["error"]["param"] == "variant"
    assert server("/v1/videos/j-failed").json["error"] == {"code": why.code, "message": why.message}
    assert server("/v1/videos/j-failed/remix", {"prompt": "x"}).status == 400
    held = server("/v1/videos/j-running", method="DELETE")
    assert (held.status, held.json["error"]["code"]) == (409, "video_in_progress")
    for name in cases:
        if name != "j-running":
            assert server(f"/v1/videos/{name}", method="DELETE").status == 200


def test_a_lost_answer_is_told_and_never_ordered_again(server: Running) -> None:
    """A job that nobody can find at its provider fails for its client, with what happened; its owner can settle it."""
    before = server.simulator.counters.videos_created
    job = lost(submitting(job_of("j-lost", created=1.0), 1.0), 1.0)
    put(server, moved(job, 1.0, revision=0))
    shown = server("/v1/videos/j-lost").json
    assert (shown["status"], shown["error"]["code"]) == ("failed", "lost")
    assert server("/v1/videos/j-lost/content").status == 404
    assert server("/v1/videos/j-lost", method="DELETE").status == 409
    assert server.simulator.counters.videos_created == before


def test_a_provider_that_has_gone_from_the_configuration(server: Running) -> None:
    """A film outlives its provider's row: it can still be deleted."""
    request = VideoRequest(prompt="A fox", model="m")
    job = Job(
        id="j-gone-provider",
        provider="gone",
        request=request,
        notebook=book_of("tests"),
        state="failed",
        failure=BROKEN,
    )
    put(server, job)
    assert server(f"/v1/videos/{job.id}").json["model"] == "m"
    assert server(f"/v1/videos/{job.id}", method="DELETE").status == 200


def test_headers_and_counts_tell_who_filmed_and_for_how_much(tmp_path: Path) -> None:
    """Target, estimate and cost are headers; the counts and the ledger have the same."""
    with Running(tmp_path, '[prices."sim/film"]\nsecond = 0.5\n') as server:
        begun = order(server, seconds="2")
        assert begun.headers["x-ve-target"] == "sim/film"
        assert begun.headers["x-ve-estimate-usd"] == "1.000000000"
        assert int(begun.headers["openai-poll-after-ms"]) >= 250
        name = begun.json["id"]
        made(server, name)
        done = server(f"/v1/videos/{name}")
        assert done.headers["x-ve-cost-usd"] == "1.000000000"
        assert "openai-poll-after-ms" not in done.headers
        size = len(server(f"/v1/videos/{name}/content").body)
        until(lambda: "videos_in_the_making 0" in server("/metrics").body.decode())
        counted = server("/metrics").body.decode()
        (entry,) = server.session.ledger.entries()
    assert 've_videos_total{target="sim/film",outcome="ordered"} 1' in counted
    assert 've_videos_total{target="sim/film",outcome="succeeded"} 1' in counted
    assert 've_cost_usd_total{target="sim/film"} 1.000000000' in counted
    assert f"ve_video_bytes_total {size}" in counted
    assert (entry.notebook, entry.cost, entry.kind) == ("server/tests", 1.0, "video")


def test_an_order_s_file_is_fetched_again_by_its_key(server: Running) -> None:
    """Where only the file didn't come, the same order under the same key fetches it again and pays nothing."""
    key = {"idempotency-key": "order-of-a-lost-file"}
    begun = order(server, headers=key, model="sim/film").json["id"]
    made(server, begun)
    jobs = server.session.filming.jobs
    job = jobs.get(begun)
    assert job is not None
    Path(job.path).unlink()
    before = server.simulator.counters.videos_created
    jobs.remove(begun)
    failed = {"state": "failed", "failure": BROKEN, "fetches": 5, "path": "", "poster": ""}
    jobs.add(msgspec.structs.replace(job, revision=0, **failed))
    assert server(f"/v1/videos/{begun}").json["status"] == "failed"
    assert order(server, headers=key).status == 200
    assert made(server, begun)["status"] == "completed"
    assert server.simulator.counters.videos_created == before


@pytest.mark.parametrize("dialect", ["openai_videos", "video_generations"])
def test_a_server_films_for_another_server(tmp_path: Path, dialect: str) -> None:
    """Both formats that are served are spoken by our own client: a server behind a server films once, and whole."""
    (tmp_path / "behind").mkdir()
    with Running(tmp_path / "behind", "[prices]\n") as behind:
        rows = (
            f'[providers.up]\nbase_url = "{behind.url}/v1"\ndialect = "chat_completions"\nvideo = "{dialect}"\n'
            'key = "env:BEHIND_KEY"\n'
        )
        with Running(tmp_path, rows, network=True, environ={"BEHIND_KEY": TOKEN}) as server:
            film = order(server, model="up/sim/film").json["id"]
            assert made(server, film)["status"] == "completed"
            (job,) = behind.session.filming.jobs.find()
            theirs = server.session.filming.jobs.get(film)
            assert theirs is not None
            assert theirs.provider_job_id == job.id
            whole = server(f"/v1/videos/{film}/content").body
            assert whole == behind(f"/v1/videos/{job.id}/content").body
            refused = order(server, model="up/sim/film", seconds="99")
            assert made(server, refused.json["id"])["error"]["message"].startswith("film can't make a video")
        assert behind.simulator.counters.videos_created == 1
