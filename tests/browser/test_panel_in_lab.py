"""The chat panel in JupyterLab: it streams, survives reload and restart, and leaves its words in the notebook."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

pytestmark = pytest.mark.browser

QUESTION = "What is a context manager? Show code."
DONE = ".ve-answer[aria-busy=false] .ve-facts:not(:empty)"


def picture(lab_page: Any, name: str) -> None:
    """Keep a screenshot where one is asked for."""
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        lab_page.page.screenshot(path=f"{folder}/{name}.png")


def ask(lab_page: Any, question: str, turns: int) -> None:
    """Ask in the panel by keyboard, and wait until there are so many answers."""
    lab_page.page.get_by_label("Question").fill(question)
    lab_page.page.keyboard.press("Enter")
    lab_page.page.wait_for_function(
        f"() => document.querySelectorAll({json.dumps(DONE)}).length === {turns}", timeout=30_000
    )


class Wire:
    """Counts what the kernel sends to the page about the panel."""

    def __init__(self, page: Any) -> None:
        self.frames: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: Any) -> None:
        data = payload if isinstance(payload, bytes) else payload.encode()
        if b"comm_msg" in data and b'"custom"' in data:
            self.frames.append(len(data))


def test_panel_streams_and_is_saved_as_words(lab: Any, lab_page: Any) -> None:
    """An answer grows by deltas in bounded bytes; reload, a second question and a new kernel lose nothing."""
    wire = Wire(lab_page.page)
    name = lab.write("panel.ipynb", ["%load_ext ve_magics", "%ve panel rivers"])
    lab_page.open(name)
    lab_page.run_all()
    page = lab_page.page
    page.get_by_label("Question").fill(QUESTION)
    wire.frames.clear()
    page.keyboard.press("Enter")
    page.wait_for_selector(".ve-answer[aria-busy=true] .ve-md :is(p, h3, li)")
    page.get_by_role("button", name="Stop").wait_for()
    picture(lab_page, "panel-lab-streaming")
    page.wait_for_selector(DONE, timeout=30_000)
    picture(lab_page, "panel-lab-light")
    answer = page.locator(".ve-md").inner_text()
    assert page.locator(".ve-code .ve-k").count() > 3
    assert 3 < len(wire.frames) < 80
    assert sum(wire.frames) < 2_000 + 1_200 * len(wire.frames) + 3 * len(answer.encode())
    assert page.locator(".ve-folded").count() == 1
    lab_page.save()
    page.wait_for_timeout(300)
    _, transcript = lab.read(name).cells[1].outputs
    assert set(transcript.data) == {"text/markdown", "text/plain"}
    assert f"Question: {QUESTION}" in transcript.data["text/plain"]
    assert "@contextmanager" in transcript.data["text/markdown"]
    assert len(json.dumps(transcript)) < 4 * len(answer.encode()) + 2_000

    page.reload()
    page.wait_for_selector(DONE, timeout=60_000)
    assert page.locator(".ve-md").inner_text() == answer
    lab_page.command("apputils:change-theme", theme="JupyterLab Dark")
    ask(lab_page, "用中文解释列表推导式", 2)
    assert "loaded anew" in page.locator(".ve-note").inner_text()
    page.wait_for_timeout(300)
    picture(lab_page, "panel-lab-dark")
    ink, back = page.locator(".ve-chat").evaluate(
        "n => [getComputedStyle(n).color, getComputedStyle(n).backgroundColor]"
    )
    assert ink != back
    back_sum = sum(int(part) for part in back.removeprefix("rgb(").removesuffix(")").split(","))
    assert back_sum < 200

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.get_by_text("The kernel is gone. Run this cell again").wait_for()
    assert page.locator(".ve-folded").count() == 0
    lab_page.run_all()
    page.wait_for_function(
        f"() => document.querySelectorAll({json.dumps(DONE)}).length === 2", timeout=30_000
    )
    assert page.locator(".ve-words").all_inner_texts() == [QUESTION, "用中文解释列表推导式"]
    assert lab_page.outside == []


def test_words_are_there_without_a_kernel(lab: Any, lab_page: Any) -> None:
    """Opened from elsewhere, with no widget to show, the notebook shows the transcript."""
    view = {"model_id": "0" * 32, "version_major": 2, "version_minor": 1}
    outputs = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/vnd.jupyter.widget-view+json": view, "text/plain": "ChatPanel('rivers')"},
        },
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                "text/markdown": "Conversation **rivers**\n\n**Question**\n\nHow long?\n\n**Answer** (sim/tutor)\n\nLong.",
                "text/plain": "Conversation rivers\n\nQuestion: How long?\n\nAnswer (sim/tutor): Long.",
            },
        },
    ]
    lab_page.open(lab.write("saved.ipynb", ["%ve panel rivers"], outputs))
    lab_page.page.wait_for_selector(".jp-RenderedMarkdown")
    assert "Answer (sim/tutor)\nLong." in lab_page.text(0).replace("\n\n", "\n")
    picture(lab_page, "panel-lab-saved")


def test_stop_ends_the_answer_and_focus_stays(lab: Any, lab_page: Any) -> None:
    """Escape stops while the answer comes; two views of one panel show the same; keys of the notebook sleep."""
    name = lab.write("stop.ipynb", ["%load_ext ve_magics", "%ve panel sea", "%ve panel sea"])
    lab_page.open(name)
    lab_page.run_all()
    page = lab_page.page
    first, second = page.locator(".ve-chat").nth(0), page.locator(".ve-chat").nth(1)
    first.get_by_label("Question").fill("Write a long story about the sea.")
    page.keyboard.press("Enter")
    second.locator(".ve-answer[aria-busy=true] p").first.wait_for()
    page.keyboard.press("Escape")
    for panel in (first, second):
        panel.locator(".ve-status", has_text="stopped: partial answer").wait_for(timeout=3000)
    assert page.evaluate("() => document.activeElement.tagName") == "TEXTAREA"
    first.get_by_role("button", name="Copy answer").focus()
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("Enter")
    assert page.locator(".ve-chat").count() == 2
    assert first.locator(".ve-md").inner_text() == second.locator(".ve-md").inner_text() != ""
    assert lab_page.outside == []
