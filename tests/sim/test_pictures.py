"""Pictures from the simulator."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from ve_magics.sim.film import poster

pytestmark = pytest.mark.anyio
Make = Callable[..., Any]


async def test_pictures_are_drawn_for_the_prompt(simulated: Make) -> None:
    """Each is a PNG of the asked size; several differ."""
    body = {"model": "image", "prompt": "a lighthouse", "size": "128x192", "n": 2}
    reply = (await simulated()("/v1/images/generations", body)).json
    files = [base64.b64decode(row["b64_json"]) for row in reply["data"]]
    assert files == [poster("a lighthouse", width=128, height=192, seed=seed) for seed in (0, 1)]
    assert (reply["size"], reply["output_format"]) == ("128x192", "png")


@pytest.mark.parametrize(
    "change",
    [{"prompt": ""}, {"size": "1x1"}, {"size": "huge"}, {"n": 9}, {"response_format": "url"}, {"model": 1}],
)
async def test_bad_orders_are_refused(simulated: Make, change: dict[str, object]) -> None:
    """A 400 that names the field."""
    reply = await simulated()("/v1/images/generations", {"prompt": "x", "size": "128x128", **change})
    assert (reply.status, reply.json["error"]["param"]) == (400, *change)


async def test_the_content_policy_can_refuse(simulated: Make) -> None:
    """The fault `moderation` is a refusal of pictures too."""
    reply = await simulated()("/v1/images/generations", {"prompt": "x", "model": "fault-moderation"})
    assert (reply.status, reply.json["error"]["code"]) == (400, "moderation_blocked")
