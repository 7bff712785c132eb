"""A film from its order to its player in real JupyterLab, through restarts, reloads, and out into a page of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.browser

PLAYS = """async () => {
  const video = document.querySelector('video');
  if (video.readyState < 1) await new Promise(done => video.onloadedmetadata = done);
  video.muted = true;
  await video.play();
  const began = video.currentTime;
  await new Promise(done => setTimeout(done, 600));
  const played = video.currentTime - began;
  video.pause();
  video.currentTime = video.duration / 2;
  await new Promise(done => video.onseeked = done);
  return { played, at: video.currentTime, duration: video.duration, width: video.videoWidth };
}"""
LINE = "() => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[1].querySelector('.jp-OutputArea')?.innerText || ''"
CELL = "%%video studio/film --seconds 2 --size 320x180 --no-expand -o clip\nA paper boat"


class Studio:
    """A simulator that outlives every kernel.

    Attributes:
        url: Its address.
        setup: The first cell of a notebook that films there.
    """

    def __init__(self, url: str, config: Path) -> None:
        self.url = url
        config.write_text(
            f'[defaults]\nvideo = "studio/film"\n[providers.studio]\nbase_url = "{url}/v1"\n'
            'dialect = "chat_completions"\nvideo = "openai_videos"\nkey = "env:STUDIO_KEY"\n'
        )
        self.setup = (
            f"import os\nos.environ.update(VE_CONFIG={str(config)!r}, VE_HOME={str(config.parent / 'home')!r},"
            " STUDIO_KEY='sk-studio')\n%load_ext ve_magics"
        )

    @property
    def ordered(self) -> int:
        """How many films were ordered."""
        with urlopen(f"{self.url}/v1/videos?limit=100", timeout=10) as answer:
            return len(json.load(answer)["data"])


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    server = subprocess.Popen(
        [sys.executable, "-m", "ve_magics", "sim", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    found = re.search(r"http://\S+?(?=/v1|\s|$)", server.stdout.readline())
    assert found is not None
    yield Studio(found[0].rstrip("/"), tmp_path / "config.toml")
    server.terminate()
    server.wait(10)
    server.stdout.close()


def picture(page: Any, name: str) -> None:
    """Keep a screenshot where one is asked for."""
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def check_plays(page: Any) -> None:
    """Check that the film plays and seeks."""
    seen = page.evaluate(PLAYS)
    assert seen["played"] > 0.2
    assert seen["at"] == pytest.approx(seen["duration"] / 2, abs=0.1)
    assert seen["width"] == 320


def test_film_grows_and_plays_everywhere(lab: Any, lab_page: Any, browser: Any) -> None:
    """The percentage moves; the player plays, also in a notebook that nobody trusts, and in a page exported from it."""
    cell = "%%video --seconds 2 --size 320x180\n一只纸船顺着雨中的街道漂流。"
    name = lab.write("film.ipynb", ["%load_ext ve_magics", cell])
    lab_page.open(name)
    lab_page.run_all(wait=False)
    seen = set()
    for _ in range(100):
        seen |= set(re.findall(r"\d+%", lab_page.page.evaluate(LINE)))
        if len(seen) > 2:
            picture(lab_page.page, "film-progress")
            break
        lab_page.page.wait_for_timeout(100)
    assert len(seen) > 2
    lab_page.wait_idle()
    check_plays(lab_page.page)
    lab_page.page.locator("details summary").click()
    assert "镜头" in lab_page.text(1)
    picture(lab_page.page, "film")
    lab_page.save()
    lab_page.page.wait_for_timeout(500)
    (saved,) = lab.read(name).cells[1].outputs
    assert sorted(saved.data) == ["text/html", "text/plain"]

    lab_page.open(lab.write("stranger.ipynb", [cell], [saved]))
    lab_page.page.wait_for_selector(".jp-OutputArea-output video", timeout=20_000)
    check_plays(lab_page.page)
    lab_page.page.locator("details summary").click()
    assert "镜头" in lab_page.text(0)
    picture(lab_page.page, "film-untrusted")
    assert lab_page.outside == []

    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", name],
        cwd=lab.root,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    page = browser.new_page()
    page.route(
        "**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort()
    )
    page.goto((lab.root / "film.html").as_uri(), wait_until="domcontentloaded")
    check_plays(page)
    picture(page, "film-exported")
    page.close()


def test_a_restart_in_the_middle_loses_nothing(lab: Any, lab_page: Any, studio: Studio) -> None:
    """The kernel dies while the film is made: the new one shows the same film, ordered once."""
    lab_page.open(lab.write("restart.ipynb", [studio.setup, CELL]))
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function(f"() => /\\d+%/.test(({LINE})())", timeout=30_000)
    lab_page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    lab_page.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=30_000,
    )
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_selector(".jp-OutputArea-output video", timeout=60_000)
    check_plays(lab_page.page)
    assert studio.ordered == 1


def test_a_reload_in_the_middle_loses_nothing(lab: Any, lab_page: Any, studio: Studio) -> None:
    """The page is reloaded while the film is made: the kernel goes on, and the cell shows it when it is run again."""
    name = lab.write("reload.ipynb", [studio.setup, CELL])
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_function(f"() => /\\d+%/.test(({LINE})())", timeout=30_000)
    lab_page.open(name)
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_selector(".jp-OutputArea-output video", timeout=60_000)
    check_plays(lab_page.page)
    assert studio.ordered == 1


def test_a_storyboard_plays_with_its_sheet(lab: Any, lab_page: Any) -> None:
    """The joined film plays, its contact sheet is drawn, and its shots are listed."""
    cell = "%%storyboard --seconds 1 --size 320x180\nWarm film grain.\n- A boat at dawn\n- A storm\n- A harbour at night"
    lab_page.open(lab.write("storyboard.ipynb", ["%load_ext ve_magics", cell]))
    lab_page.run_all(wait=False)
    lab_page.page.wait_for_selector(".jp-OutputArea-output video", timeout=60_000)
    lab_page.page.wait_for_function(
        "() => { const sheet = document.querySelector('.jp-OutputArea-output img'); return sheet && sheet.naturalWidth > 600; }",
        timeout=20_000,
    )
    check_plays(lab_page.page)
    assert "A harbour at night" in lab_page.text(1)
    picture(lab_page.page, "storyboard")
