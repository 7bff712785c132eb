"""`Gallery` and `%ve gallery`: the notebook's videos, live."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import ve_magics
from ve_magics.magics.loading import unload
from ve_magics.magics.panel import gallery as module
from ve_magics.magics.panel.gallery import Gallery
from ve_magics.sim import Settings

SMALL = "--seconds 1 --size 128x128 --no-expand"
BOAT = "A paper boat"
Listen = Callable[[Any], Any]


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about within 10 s"
        time.sleep(0.01)


def test_made_video_is_a_card_with_its_files(bench: Any, listen: Listen) -> None:
    """A card tells prompt, model, cost and length; its poster and pieces of its film come when they are asked for."""
    bench.run(f"%%video {SMALL}\n{BOAT}")
    gallery = Gallery()
    (card,) = gallery.view.cards
    assert (card.prompt, card.model, card.state, card.here) == (BOAT, "sim/film", "succeeded", True)
    assert card.path.startswith("A-paper-boat")
    wire = listen(gallery.view)
    wire.bring({"do": "hello", "view": "g1"})
    assert [item["id"] for item in wire.of("clips")[-1]["items"]] == [card.id]
    wire.bring({"do": "poster", "id": card.id})
    wire.bring({"do": "media", "id": card.id, "at": 0})
    assert [len(buffers) for _, buffers in wire.messages[-2:]] == [1, 1]


def test_card_changes_while_the_video_is_made(
    open_bench: Callable[..., Any], listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that orders a video brings its card at once, and the card moves on by itself to the end."""
    monkeypatch.setattr(module, "STEP", 0.05)
    bench = open_bench(settings=Settings(first_token=0.0, video_seconds=1.0))
    gallery = Gallery()
    wire = listen(gallery.view)
    bench.run(f"%%video {SMALL} --background\n{BOAT}")
    until(lambda: bool(gallery.view.cards) and gallery.view.cards[0].state == "succeeded")
    states = [
        item["state"] for message, _ in wire.messages for item in message.get("items", [message.get("item")])
    ]
    assert "running" in states
    assert states[-1] == "succeeded"
    until(lambda: gallery._showcase._looking is None or gallery._showcase._looking.done())


def test_video_can_be_cancelled_from_its_card(
    open_bench: Callable[..., Any], listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled job is told by its card; one that has ended, or is no job, is refused with the reason."""
    monkeypatch.setattr(module, "STEP", 0.05)
    bench = open_bench(settings=Settings(first_token=0.0, video_seconds=30.0))
    gallery = Gallery()
    wire = listen(gallery.view)
    bench.run(f"%%video {SMALL} --background\n{BOAT}")
    until(lambda: bool(gallery.view.cards) and gallery.view.cards[0].state == "running")
    name = gallery.view.cards[0].id
    wire.bring({"do": "cancel", "id": name, "view": "g1"})
    until(lambda: gallery.view.cards[0].state == "cancelled" or bool(wire.of("refused")))
    wire.bring({"do": "cancel", "id": "none", "view": "g1"})
    until(lambda: any("no such video" in message["why"] for message in wire.of("refused")))
    wire.bring({"do": "dance", "view": "g1"})


def test_failed_video_says_why(bench: Any) -> None:
    """The provider's reason stands on the card."""
    bench.run(f"%%video sim/fault-job-moderation {SMALL}\n{BOAT}")
    (card,) = Gallery().view.cards
    assert card.state == "failed"
    assert card.why


def test_clips_in_variables_are_shown_without_a_job(bench: Any) -> None:
    """A clip that came from a recording has no job; it is found in the notebook's variables, and once only."""
    bench.run(f"%%video {SMALL} -o clip\n{BOAT}")
    bench.run("clip.job = None\nboth = [clip, clip]")
    assert len(Gallery().view.cards) == 1
    job = bench.notebook.session.filming.jobs.find()[0]
    bench.notebook.session.filming.jobs.remove(job.id)
    (card,) = Gallery().view.cards
    assert (card.id, card.prompt, card.here) == ("clip-0", BOAT, True)


def test_cell_shows_gallery_and_table(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two outputs: the widget, and the table for whoever opens the notebook without a kernel."""
    assert bench.run("%ve gallery").text == "Gallery · 0 videos"
    parent = {"header": {"msg_id": "m1"}, "content": {}, "metadata": {"cellId": "c1"}}
    monkeypatch.setattr(
        type(bench.shell), "kernel", SimpleNamespace(get_parent=lambda: parent), raising=False
    )
    widget, table = bench.run("import ve_magics\nve_magics.Gallery()").outputs
    assert widget["text/plain"] == "Gallery()"
    assert table["text/html"] == "<p>Gallery · 0 videos</p>"
    assert bench.run("%ve gallery x").lines[1] == "Usage: %ve gallery"
    assert ve_magics.Gallery is Gallery
    assert repr(Gallery()) == "Gallery()"


def test_unloading_lets_go(bench: Any) -> None:
    """After the magics are gone a cell opens nothing for the gallery."""
    showcase = Gallery()._showcase
    unload(bench.shell)
    bench.run("1 + 1")
    assert showcase._after_cell not in bench.shell.events.callbacks["post_run_cell"]
    assert bench.notebook._session is None


def test_store_that_fails_is_told_to_the_view(bench: Any, listen: Listen) -> None:
    """A session that can't be opened is a sentence in the widget, and cells go on."""
    gallery = Gallery()
    wire = listen(gallery.view)
    bench.notebook.session.store.close()
    bench.run("1 + 1")
    wire.bring({"do": "hello", "view": "g1"})
    assert wire.kinds() == ["refused", "clips"]
