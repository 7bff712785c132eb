"""The simulator's explicit caches: kept under a name for their time, and told in the counts of what goes on from them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.conftest import Caller, Clock

pytestmark = pytest.mark.anyio

LONG = {"role": "user", "parts": [{"text": "river stone cloud paper " * 400}]}
ASK = {"role": "user", "parts": [{"text": "What is HTTP?"}]}
MAKE = {"model": "models/tutor", "contents": [LONG], "ttl": "60s"}


@pytest.fixture
def sim(simulated: Any, clock: Clock) -> Caller:
    """Return a simulator without a prefix cache of its own."""
    caller: Caller = simulated(now=clock.now, prefix_cache=False)
    return caller


async def made(sim: Caller, **more: Any) -> str:
    """Keep the long text and return its name."""
    reply = await sim("/v1beta/cachedContents", MAKE | more)
    assert reply.status == 200, reply.body
    assert reply.json["usageMetadata"]["totalTokenCount"] > 1024
    return str(reply.json["name"])


async def asked(sim: Caller, name: str, **more: Any) -> Any:
    """Ask a question after what is kept."""
    body = {"contents": [ASK], "cachedContent": name} | more
    return await sim("/v1beta/models/tutor:generateContent", body)


async def test_a_question_goes_on_from_what_is_kept(sim: Caller) -> None:
    """The kept tokens are read, and counted as cached; without the name nothing is."""
    counts = (await asked(sim, await made(sim))).json["usageMetadata"]
    assert counts["promptTokenCount"] > counts["cachedContentTokenCount"] > 1024
    plain = await sim("/v1beta/models/tutor:generateContent", {"contents": [LONG, ASK]})
    assert "cachedContentTokenCount" not in plain.json["usageMetadata"]


async def test_a_name_lives_for_its_time(sim: Caller, clock: Clock) -> None:
    """It may be looked at, kept for longer and let go; after its end it is as if it had never been."""
    name = await made(sim)
    assert (await sim(f"/v1beta/{name}")).json["expireTime"] == "1970-01-01T00:17:40Z"
    assert (await sim(f"/v1beta/{name}", {"ttl": "120s"}, method="PATCH")).status == 200
    clock.time += 100
    assert (await asked(sim, name)).status == 200
    clock.time += 100
    assert (await asked(sim, name)).status == 403
    other = await made(sim, ttl=None)
    assert (await sim(f"/v1beta/{other}", method="DELETE")).status == 200
    assert (await sim(f"/v1beta/{other}")).status == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"contents": [ASK]}, 400),
        ({"ttl": "soon"}, 400),
        ({"ttl": "0s"}, 400),
        ({"model": "models/nobody"}, 404),
    ],
)
async def test_what_can_t_be_kept_is_refused(sim: Caller, body: dict[str, Any], status: int) -> None:
    """Too little, a time that is none, an unknown model."""
    reply = await sim("/v1beta/cachedContents", MAKE | body)
    assert reply.status == status
    assert reply.json["error"]["code"] == status


async def test_nothing_is_said_twice(sim: Caller) -> None:
    """System words go into the cache or into the question, and the model is the same; other calls are unknown."""
    name = await made(sim)
    again = await asked(sim, name, systemInstruction={"parts": [{"text": "Be brief."}]})
    assert again.status == 400
    other = await sim("/v1beta/models/thinker:generateContent", {"contents": [ASK], "cachedContent": name})
    assert other.status == 400
    assert (await sim("/v1beta/cachedContents", method="DELETE")).status == 404
