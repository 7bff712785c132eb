"""Embeddings, pictures and ranks in a recording: the same values again, offline, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import NoNetwork, Provider, World
from ve_magics.catalog import Cost
from ve_magics.dialects.embeddings import EmbedRequest
from ve_magics.dialects.images import ImageRequest, ImageResponse
from ve_magics.dialects.rerank import RerankRequest
from ve_magics.engine.config import Config
from ve_magics.engine.gateway import Trace
from ve_magics.engine.pieces import PICTURES
from ve_magics.engine.recording import Recording
from ve_magics.engine.session import Session
from ve_magics.engine.transport import Mounted
from ve_magics.errors import RecordingError
from ve_magics.messages import Image
from ve_magics.routing import Target
from ve_magics.sim import Settings, Simulator

pytestmark = pytest.mark.anyio
EMBED = EmbedRequest(model="sim/embed", inputs=("one", "two"), dimensions=5)
IMAGE = ImageRequest(model="sim/image", prompt="A red kite", size="128x128", n=2)
RERANK = RerankRequest(model="sim/rerank", query="cats", documents=("dogs bark", "cats purr"))
NAME = "n.recording.json"


def session(folder: Path, mode: Any, transport: Any = None, **environ: str) -> Session:
    """Return a session on the simulator, or on what is given."""
    own = Session(
        config=Config(environ=environ, directory=folder, keyring=lambda _: None),
        directory=folder,
        notebook=folder / "n.ipynb",
        transport=transport or Mounted({"sim.invalid": Simulator(Settings(first_token=0.0))}),
        data=folder / "data",
    )
    own.set_mode(mode)
    return own


async def all_three(own: Session, trace: Trace | None = None) -> tuple[Any, ...]:
    """Return vectors, pictures and ranks."""
    return (
        await own.embed(EMBED, trace=trace),
        await own.generate_image(IMAGE),
        await own.rerank(RERANK),
    )


async def test_what_was_recorded_comes_again_without_a_network(tmp_path: Path) -> None:
    """Vectors are the same numbers and pictures the same bytes; who answered and what it cost is known too."""
    live = session(tmp_path, "record")
    recorded = await all_three(live)
    await live.aclose()
    for mode in ("replay", "auto"):
        trace = Trace()
        replayed = session(tmp_path, mode, NoNetwork())
        assert await all_three(replayed, trace) == recorded
        assert (trace.source, trace.served, trace.cost.amount) == ("recording", Target("sim", "embed"), 0.0)
        await replayed.aclose()
    entries = json.loads((tmp_path / NAME).read_text("utf-8"))["entries"]
    assert [len(entry.get("files", ())) for entry in entries] == [1, 2, 0]
    assert {path.suffix for path in (tmp_path / "n.recording").iterdir()} == {".vectors", ".png"}
    assert (tmp_path / NAME).stat().st_size < 4_000


async def test_recording_again_leaves_what_is_the_same(tmp_path: Path) -> None:
    """Not a byte changes where the answers are the same, although ids and times differ."""
    for _ in range(2):
        own = session(tmp_path, "record")
        await all_three(own)
        await own.aclose()
        files = {path: path.read_bytes() for path in [tmp_path / NAME, *(tmp_path / "n.recording").iterdir()]}
        statuses = {use.status for use in own.recording.used.values()}
    assert statuses == {"same"}
    assert all(path.read_bytes() == content for path, content in files.items())


async def test_what_the_recording_lacks_is_an_error(tmp_path: Path) -> None:
    """In replay nobody is asked, and the cell is named."""
    (tmp_path / NAME).write_text('{"ve_magics_recording": 1, "entries": []}', "utf-8")
    own = session(tmp_path, "replay", NoNetwork())
    with pytest.raises(RecordingError, match=r"lacks the answer of cell \[3\]"):
        await own.embed(EMBED, cell="cell [3]")


async def test_a_file_that_is_missing_or_spoilt_is_told(tmp_path: Path) -> None:
    """Files of a recording are data from outside: what can't be read is an error, and is left as it is."""
    live = session(tmp_path, "record")
    await live.embed(EMBED)
    (file,) = (tmp_path / "n.recording").iterdir()
    for content in (b"", b"\xc1", b"\x93\x01"):
        file.write_bytes(content)
        with pytest.raises(RecordingError, match="the files of the entry"):
            await session(tmp_path, "replay", NoNetwork()).embed(EMBED)
    file.unlink()
    with pytest.raises(RecordingError, match="which is not in"):
        await session(tmp_path, "replay", NoNetwork()).embed(EMBED)


async def test_pictures_by_address_stay_addresses(tmp_path: Path) -> None:
    """A picture that the provider only names is recorded by its address, beside one that came as bytes."""
    own = session(tmp_path, "record")
    value = ImageResponse(
        images=(Image(url="https://x.test/a.png"), Image(data=b"\x89PNG", media_type="image/png"))
    )
    trace = Trace()
    PICTURES.keep(own, "k" * 64, IMAGE, value, trace, "")
    again = Recording(tmp_path / NAME)
    assert PICTURES.find(again, "k" * 64, trace, "") == value
    assert (trace.served, trace.cost) == (None, Cost())
    assert len([*(tmp_path / "n.recording").iterdir()]) == 1


async def test_files_of_a_changed_entry_do_not_stay_behind(tmp_path: Path) -> None:
    """An answer of fewer pictures takes the files of the one before away."""
    own = session(tmp_path, "record")
    for count in (2, 1):
        pictures = tuple(Image(data=bytes([count, nth]), media_type="image/png") for nth in range(count))
        PICTURES.keep(own, "k", IMAGE, ImageResponse(images=pictures), Trace(), "")
    (file,) = (tmp_path / "n.recording").iterdir()
    assert file.read_bytes() == b"\x01\x00"
    assert Recording(tmp_path / NAME).prune(()) == 1
    assert not [*(tmp_path / "n.recording").iterdir()]


async def test_a_request_that_failed_leaves_no_entry(tmp_path: Path) -> None:
    """Only answers are recorded."""
    world = World(tmp_path, Provider())
    own = Session(
        config=world.config, directory=tmp_path, notebook=tmp_path / "n.ipynb", transport=world.transport,
        data=tmp_path / "data",
    )  # fmt: skip
    own.set_mode("record")
    with pytest.raises(Exception, match=r".+"):
        await own.embed(EmbedRequest(model="a/m", inputs=("x",)))
    assert len(own.recording) == 0
    assert not (tmp_path / NAME).exists()
