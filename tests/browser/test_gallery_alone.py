"""The gallery's bundle on a page of its own, with a kernel that is made up: cards, filter, players, comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

FILM = next(
    (Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.recording").glob("*.mp4")
).read_bytes()
PIECE = len(FILM) // 2 + 1

Show = Callable[..., Any]


def clip(name: str, prompt: str, **more: Any) -> dict[str, Any]:
    """Return a card as the kernel tells it."""
    facts: dict[str, Any] = {
        "revised": "",
        "model": "sim/film",
        "state": "succeeded",
        "progress": None,
        "cost": 0.4,
        "seconds": 2.0,
        "size": "640x360",
        "created": 1.0,
        "why": "",
        "path": f"{name}.mp4",
        "here": True,
        "poster": False,
    }
    return {"id": name, "prompt": prompt, **facts, **more}


BOAT, FOX = clip("a", "A boat <b>", created=1.0), clip("b", "一只狐狸", created=2.0, cost=None)
WAITING = clip("c", "A comet", created=3.0, state="running", progress=0.4, cost=None, here=False)
LOST = clip("d", "A tower", created=0.5, state="failed", why="the policy refused it", here=False, cost=None)


def serve(gallery: Any, times: int, done: int = 0) -> None:
    """Answer requests for pieces of a film up to so many, as the kernel does."""
    while done < times:
        gallery.page.wait_for_function(
            f"() => window.widget.sent.filter(m => m.do === 'media').length > {done}", timeout=5000
        )
        asked = gallery.asked("media")[done]
        at = asked["at"]
        message = {"is": "media", "id": asked["id"], "at": at, "size": len(FILM), "type": "video/mp4"}
        gallery.tell(message, FILM[at : at + PIECE])
        done += 1


def test_cards_show_what_is_known_and_change_in_place(widget_page: Show) -> None:
    """The newest stands first; a change of one card leaves the others' nodes, and words stay words."""
    gallery = widget_page("gallery", {})
    assert [message["do"] for message in gallery.sent] == ["hello"]
    gallery.tell({"is": "clips", "items": [BOAT, FOX, WAITING, LOST]})
    cards = gallery.page.locator(".ve-card")
    assert cards.locator(".ve-prompt").all_inner_texts() == ["A comet", "一只狐狸", "A boat <b>", "A tower"]
    assert cards.locator(".ve-facts").all_inner_texts() == [
        "being made · sim/film · 2 s · 640×360",
        "ready · sim/film · 2 s · 640×360 · price unknown",
        "ready · sim/film · 2 s · 640×360 · $0.40",
        "failed · sim/film · 2 s · 640×360",
    ]
    assert cards.nth(0).locator("progress").get_attribute("value") == "0.4"
    assert cards.nth(3).locator(".ve-error").inner_text() == "the policy refused it"
    assert gallery.page.get_by_role("button", name="Play").count() == 2
    cards.nth(1).evaluate("node => { node.dataset.kept = '1' }")
    gallery.tell({"is": "clip", "item": {**WAITING, "state": "succeeded", "here": True, "poster": True}})
    assert gallery.asked("poster")[0]["id"] == "c"
    assert gallery.page.locator("[data-kept]").count() == 1
    assert gallery.page.get_by_role("button", name="Play").count() == 3
    gallery.tell({"is": "clips", "items": [FOX]})
    assert cards.count() == 1
    assert gallery.problems == []
    assert gallery.outside == []


def test_filter_finds_words_and_states(widget_page: Show) -> None:
    """Every word must be found, in prompt, model or state; the choice of a state narrows it."""
    gallery = widget_page("gallery", {})
    assert "No video" not in gallery.page.locator(".ve-gallery").inner_text()
    gallery.tell({"is": "clips", "items": []})
    assert "No video yet." in gallery.page.locator(".ve-gallery").inner_text()
    gallery.tell({"is": "clips", "items": [BOAT, FOX, WAITING, LOST]})
    shown = gallery.page.locator(".ve-card:not([hidden]) .ve-prompt")
    search = gallery.page.get_by_label("Filter")
    search.fill("boat film")
    assert shown.all_inner_texts() == ["A boat <b>"]
    search.fill("狐狸")
    assert shown.all_inner_texts() == ["一只狐狸"]
    search.fill("")
    gallery.page.get_by_label("State").first.select_option("failed")
    assert shown.all_inner_texts() == ["A tower"]
    search.fill("boat")
    assert "No video matches." in gallery.page.locator(".ve-gallery").inner_text()


def test_film_comes_from_the_kernel_where_the_front_end_serves_none(widget_page: Show) -> None:
    """The pieces are asked for one after the other, and the film plays; one that can't come says why."""
    gallery = widget_page("gallery", {})
    gallery.tell({"is": "clips", "items": [BOAT, FOX]})
    gallery.page.get_by_role("button", name="Play").nth(1).click()
    serve(gallery, 2)
    gallery.page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.1", timeout=10_000)
    assert [message["at"] for message in gallery.asked("media")] == [0, PIECE]
    gallery.page.get_by_role("button", name="Play").first.click()
    gallery.page.wait_for_function("() => window.widget.sent.filter(m => m.do === 'media').length === 3")
    gallery.tell({"is": "media", "id": "b", "at": 0, "why": "b.mp4 is too large."})
    assert gallery.page.get_by_role("status").inner_text() == "b.mp4 is too large."


def test_two_films_play_and_seek_as_one(widget_page: Show) -> None:
    """Side by side both play, pause and seek together; a third choice takes the place of the first."""
    gallery = widget_page("gallery", {}, viewport={"width": 900, "height": 800})
    third = clip("e", "Third", created=0.1)
    gallery.tell({"is": "clips", "items": [BOAT, FOX, third]})
    boxes = gallery.page.get_by_label("Compare", exact=True)
    boxes.nth(0).check()
    assert "second video" in gallery.page.get_by_role("status").inner_text()
    boxes.nth(1).check()
    serve(gallery, 4)
    pair = gallery.page.locator(".ve-pair")
    pair.locator("video").nth(1).wait_for()
    gallery.page.wait_for_function(
        "() => [...document.querySelectorAll('.ve-two video')].every(v => v.readyState >= 3)"
    )
    times = "() => [...document.querySelectorAll('.ve-two video')].map(v => v.currentTime)"
    slider = gallery.page.get_by_label("Position")
    slider.evaluate("node => { node.value = '1'; node.dispatchEvent(new Event('input')) }")
    gallery.page.wait_for_timeout(200)
    assert gallery.page.evaluate(times) == [1, 1]
    pair.get_by_role("button", name="Play").click()
    gallery.page.wait_for_function(f"() => ({times})().every(t => t > 1.2)", timeout=10_000)
    pair.get_by_role("button", name="Pause").click()
    gallery.page.wait_for_timeout(200)
    first, second = gallery.page.evaluate(times)
    assert abs(first - second) < 0.25
    gallery.picture("gallery-compare")
    boxes.nth(2).check()
    assert not boxes.nth(0).is_checked()
    serve(gallery, 6, done=4)
    pair.get_by_role("button", name="Close").click()
    assert pair.is_hidden()
    assert [box.is_checked() for box in boxes.all()] == [False, False, False]


def test_cancelling_is_asked_twice(widget_page: Show) -> None:
    """One press asks back, the second cancels; leaving the button forgets the first. A refusal is told."""
    gallery = widget_page("gallery", {})
    gallery.tell({"is": "clips", "items": [WAITING]})
    gallery.page.get_by_role("button", name="Cancel").click()
    assert gallery.asked("cancel") == []
    gallery.page.get_by_label("Filter").focus()
    gallery.page.get_by_role("button", name="Cancel").click()
    assert gallery.asked("cancel") == []
    gallery.page.get_by_role("button", name="Cancel it?").click()
    (asked,) = gallery.asked("cancel")
    assert asked["id"] == "c"
    gallery.tell({"is": "refused", "why": "sim can't stop a video.", "view": asked["view"]})
    assert gallery.page.get_by_role("status").inner_text() == "sim can't stop a video."


def test_gallery_is_dark_and_chinese_where_the_reader_is(widget_page: Show) -> None:
    """The reader's scheme and language hold where no front end says otherwise; a lost kernel is told."""
    gallery = widget_page("gallery", {}, color_scheme="dark", locale="zh-CN")
    gallery.tell({"is": "clips", "items": [BOAT, FOX, WAITING, LOST]})
    assert gallery.page.get_by_role("button", name="播放").count() == 2
    gallery.page.evaluate("() => window.widget.lose()")
    gallery.page.get_by_text("重新运行").wait_for(timeout=5000)
    gallery.picture("gallery-dark")
