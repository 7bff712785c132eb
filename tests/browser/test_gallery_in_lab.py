"""The gallery in JupyterLab: a job moves, its film plays from where it lies, and the notebook keeps a table."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = pytest.mark.browser

FILM = "%%video --background --no-expand --seconds 2 --size 320x180\n"


def test_job_is_followed_and_its_film_plays(lab: Any, lab_page: Any) -> None:
    """Progress is seen moving, the film is served beside the notebook, two are compared, the table is saved."""
    cells = ["%load_ext ve_magics", "%ve gallery", f"{FILM}A paper boat drifts.", f"{FILM}A fox runs."]
    name = lab.write("films.ipynb", cells)
    lab_page.open(name)
    lab_page.run_all()
    page = lab_page.page
    page.wait_for_selector(".ve-card progress:not([hidden])")
    page.wait_for_function("() => document.querySelectorAll('.ve-stage img').length === 2", timeout=60_000)
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_function(
        "() => document.querySelector('.ve-stage video')?.currentTime > 0.2", timeout=10_000
    )
    assert "/files/A-fox-runs" in page.locator(".ve-stage video").get_attribute("src")
    for box in page.get_by_label("Compare", exact=True).all():
        box.check()
    page.locator(".ve-pair").get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ve-two video')].every(v => v.currentTime > 0.3)",
        timeout=10_000,
    )
    if folder := os.environ.get("TEST_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/gallery-lab.png")
    lab_page.save()
    page.wait_for_timeout(300)
    _, table = lab.read(name).cells[1].outputs
    assert table.data["text/html"].count('<img src="data:image/') == 2
    assert table.data["text/plain"].splitlines()[0] == "Gallery · 2 videos"
    assert lab_page.outside == []
    assert lab_page.problems == []
