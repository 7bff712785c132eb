"""What a user of JupyterLab sees of answers from documents, and of models that act."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ENGLISH = """# Travel

## Trains

Employees take the train for journeys of less than 500 km. First class is paid above four hours.

## Flights

Flights need the approval of a manager.
"""
CHINESE = """# 差旅制度

## 火车

员工出差五百公里以内乘坐火车。

## 报销

出差结束后三十天内提交发票报销。
"""
SETUP = f"""
import os, pathlib, tempfile
os.environ["VE_HOME"] = tempfile.mkdtemp()
pathlib.Path("docs").mkdir(exist_ok=True)
pathlib.Path("docs/handbook.md").write_text({ENGLISH!r}, "utf-8")
pathlib.Path("docs/制度.md").write_text({CHINESE!r}, "utf-8")
%load_ext ve_magics
%ve kb add company docs
"""
WEATHER = '''
import time
import ve_magics
@ve_magics.tool
def get_weather(city: str) -> dict:
    """Tell the weather of a city."""
    go, deadline = pathlib.Path("go"), time.monotonic() + 20
    while not go.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return {"temperature": 21}
'''
SEED = "What does our handbook say about trains? Make a short film of it."
DRAWN = """() => { const film = document.querySelector('.jp-OutputArea video');
film.muted = true; film.play(); return new Promise(done => { const look = () => film.currentTime > 0.2
? done([film.videoWidth, film.videoHeight]) : setTimeout(look, 50); look(); }); }"""
FOLDED = "() => [...document.querySelectorAll('.jp-OutputArea details')].map(one => one.open)"


def _picture(lab_page: Any, name: str) -> None:
    """Keep a screenshot where one is asked for."""
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        lab_page.page.screenshot(path=f"{folder}/{name}.png")


def test_answers_and_films_of_documents_outlive_their_trust(lab: Any, lab_page: Any) -> None:
    """Sources lead to the documents, passages and calls unfold and the film plays; also where nobody trusts the notebook."""
    cells = [
        SETUP,
        "%%ask company\nWhen do employees take the train?",
        "%%ask company\n出差多少天内提交发票？",
        "%%ask company\nWho is the chief executive of trains?",
        f"%%agent --agents documents,film --kb company --approve auto\n{SEED}",
    ]
    name = lab.write("documents.ipynb", cells)
    lab_page.page.set_viewport_size({"width": 1100, "height": 2000})
    lab_page.open(name)
    lab_page.run_all()
    said = [lab_page.text(number) for number in range(len(cells))]
    assert said[1].startswith("Employees take the train for journeys of less than 500 km [1].")
    assert "制度.md › 差旅制度 › 报销: “出差结束后三十天内提交发票报销。”" in said[2]
    assert said[3].startswith("The passages that I was given don't answer this question.")
    assert said[4].startswith("Employees take the train for journeys of less than 500 km [1].")
    _picture(lab_page, "documents-light")
    lab_page.save()
    saved = [output for cell in lab.read(name).cells for output in cell.outputs]
    lab_page.command("apputils:change-theme", theme="JupyterLab Dark")
    lab_page.open(lab.write("untrusted.ipynb", ["1"], saved))
    assert lab_page.page.evaluate(DRAWN) == [1280, 720]
    assert lab_page.page.evaluate(FOLDED) == [False] * 4
    for summary in lab_page.page.locator(".jp-OutputArea summary").all():
        summary.click()
    assert lab_page.page.evaluate(FOLDED) == [True] * 4
    text = lab_page.text()
    assert "First class is paid above four hours." in text
    assert 'documents → search_documents(query="What does our handbook say about trains")' in text
    links = lab_page.page.locator(".jp-OutputArea a", has_text="[1]").all()
    assert "/files/docs/handbook.md" in links[0].get_attribute("href")
    _picture(lab_page, "documents-untrusted-dark")
    lab_page.command("apputils:change-theme", theme="JupyterLab Light")
    assert lab_page.outside == []
    assert lab_page.problems == []


def test_the_trace_is_live_and_folds_away(lab: Any, lab_page: Any) -> None:
    """While tools run their calls are shown; in the end one output remains, the answer first and the calls folded."""
    name = lab.write(
        "trace.ipynb", [SETUP, WEATHER, "%%agent --tools get_weather\nWeather in Oslo and Lyon?"]
    )
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function(
        """() => { const text = document.querySelectorAll('.jp-CodeCell')[2].querySelector('.jp-OutputArea').innerText;
        return text.includes('… get_weather(city="Oslo")') && text.includes('… get_weather(city="Lyon")'); }"""
    )
    _picture(lab_page, "trace-live")
    (lab.root / "go").touch()
    lab_page.wait_idle()
    assert lab_page.text(2).splitlines()[:2] == ["Oslo: temperature 21", "Lyon: temperature 21"]
    assert lab_page.page.evaluate(FOLDED) == [False]
    assert "2 calls" in lab_page.text(2)
    _picture(lab_page, "trace-done")
    lab_page.save()
    assert len(lab.read(name).cells[2].outputs) == 1
    assert lab_page.problems == []
