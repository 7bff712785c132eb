"""A provider's list, read as far as a lost job can be in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.video.world import REQUEST, World
from ve_magics.dialects.contract import WireRequest
from ve_magics.dialects.videos.contract import VideoPage
from ve_magics.dialects.videos.openai_videos import OpenAIVideos
from ve_magics.engine.video.lost import MOST_PAGES, listed, own_of
from ve_magics.errors import ServerError, StatusError
from ve_magics.jobs import Job, JobReply

pytestmark = pytest.mark.anyio

JOB = Job(id="j", provider="sim", request=REQUEST, state="unknown", submitted=1000.0)


class Pages(OpenAIVideos):
    """A list in pages of one video, each a hundred seconds older than the one before."""

    def __init__(self, length: int, error: StatusError | None = None) -> None:
        self.length = length
        self.error = error
        self.asked: list[str] = []

    def encode_list(self, after: str = "") -> WireRequest | None:
        self.asked.append(after)
        return WireRequest("/videos", method="GET", headers=())

    def decode_list(self, status: int, headers: Mapping[str, str], body: bytes) -> VideoPage:
        if self.error is not None:
            raise self.error
        number = len(self.asked)
        at = 1150.0 - 100 * number if self.length < 100 else 1000.0
        reply = JobReply(provider_job_id=f"v{number}", prompt=REQUEST.prompt, created=at)
        return VideoPage((reply,), after=f"v{number}" if number < self.length else "")


async def read(folder: Path, dialect: Pages) -> tuple[JobReply, ...] | None:
    world = World(folder)
    world.dialect = dialect
    try:
        return await listed(world.engine()._means, JOB)
    finally:
        world.database.close()


@pytest.mark.parametrize(("length", "pages"), [(1, 1), (2, 2), (50, 3), (1000, MOST_PAGES)])
async def test_a_list_is_read_as_far_back_as_the_order(tmp_path: Path, length: int, pages: int) -> None:
    """To its end, to videos older than the order, or to a bound: whichever comes first."""
    dialect = Pages(length)
    found = await read(tmp_path, dialect)
    assert found is not None
    assert [reply.provider_job_id for reply in found] == [f"v{number}" for number in range(1, pages + 1)]
    assert dialect.asked == ["", *(f"v{number}" for number in range(1, pages))]


async def test_no_list_is_not_a_failing_list(tmp_path: Path) -> None:
    """Who doesn't know the call has no list; who fails may have one the next time."""
    assert await read(tmp_path, Pages(1, StatusError("No.", status=405))) is None
    with pytest.raises(ServerError):
        await read(tmp_path, Pages(1, ServerError("Oh.", status=500)))


def test_nothing_is_taken_while_a_twin_is_being_sent(tmp_path: Path) -> None:
    """A video that may be another job's, whose answer is still to come, is left alone."""
    world = World(tmp_path)
    reply = JobReply(provider_job_id="v1", prompt=REQUEST.prompt, created=1000.0)
    world.store.add(JOB)
    assert own_of(world.store, JOB, (reply,)) == reply
    world.store.add(Job(id="twin", provider="sim", request=REQUEST, state="submitting"))
    assert own_of(world.store, JOB, (reply,)) is None
    world.database.close()
