"""Real JupyterLab in headless Chromium, for tests that look at what a user sees."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    (
        p
        for p in map(
            Path,
            (
                os.environ.get("VE_TEST_CHROMIUM", ""),
                "/usr/bin/chromium",
                "/usr/bin/chromium-browser",
                "/usr/bin/google-chrome",
            ),
        )
        if p.is_file()
    ),
    None,
)
SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


class Lab:
    """A running JupyterLab.

    Attributes:
        root: Folder that it serves.
        url: Its address, with a slash at the end.
        token: What it asks for.
    """

    def __init__(self, root: Path, url: str, token: str) -> None:
        self.root = root
        self.url = url
        self.token = token

    def write(self, name: str, cells: Sequence[str], outputs: Sequence[dict[str, Any]] = ()) -> str:
        """Write a notebook of code cells; `outputs` become the saved outputs of the first one."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        if outputs:
            notebook.cells[0].outputs = [nbformat.from_dict(output) for output in outputs]
            notebook.cells[0].execution_count = 1
        nbformat.write(notebook, self.root / name)
        return name

    def read(self, name: str) -> Any:
        """Return a saved notebook."""
        return nbformat.read(self.root / name, as_version=4)


class LabPage:
    """A page of JupyterLab and what it did.

    Attributes:
        page: Playwright's page.
        outside: Addresses it asked for that are not on this machine; nothing of them was loaded.
        problems: Errors in its console and errors that nobody caught.
    """

    def __init__(self, lab: Lab, page: Page) -> None:
        self.lab = lab
        self.page = page
        self.outside: list[str] = []
        self.problems: list[str] = []
        page.route("**/*", self._route)
        page.on(
            "console", lambda message: self.problems.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _route(self, route: Any) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in (
            "127.0.0.1",
            "localhost",
        ):
            self.outside.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is ready."""
        workspace = f"w{secrets.token_hex(4)}"
        self.page.goto(f"{self.lab.url}lab/workspaces/{workspace}/tree/{quote(name)}?token={self.lab.token}")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(
            """() => { const app = window.jupyterapp; const w = app && app.shell.currentWidget;
            return w && w.context && w.context.isReady && w.sessionContext?.session?.kernel?.status === 'idle'; }""",
            timeout=60_000,
        )

    def command(self, name: str, **arguments: Any) -> Any:
        """Run one of JupyterLab's commands."""
        return self.page.evaluate(
            "([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, arguments]
        )

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells, and wait until the kernel rests again."""
        self.command("notebook:run-all-cells")
        if wait:
            self.wait_idle()

    def wait_idle(self, timeout: float = 60_000) -> None:
        """Wait until every code cell has run."""
        self.page.wait_for_function(
            """() => { const cells = [...window.jupyterapp.shell.currentWidget.content.widgets];
            return cells.every(c => c.model.type !== 'code' || (c.model.executionCount !== null && !/\\[\\*\\]/.test(c.node.querySelector('.jp-InputPrompt')?.textContent || ''))); }""",
            timeout=timeout,
        )
        self.page.wait_for_timeout(400)

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def outputs(self, cell: int = 0) -> list[str]:
        """Return the HTML of each output of a cell."""
        found: list[str] = self.page.evaluate(
            """i => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i]
            .querySelectorAll('.jp-OutputArea-output')].map(n => n.innerHTML)""",
            cell,
        )
        return found

    def text(self, cell: int = 0) -> str:
        """Return the words that a cell's outputs show."""
        found: str = self.page.evaluate(
            "i => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i].querySelector('.jp-OutputArea')?.innerText || ''",
            cell,
        )
        return found


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]) -> Iterator[Lab]:
    """Yield JupyterLab, serving an empty folder on loopback."""
    require(CHROMIUM, "no Chromium in its usual places")
    base = tmp_path_factory.mktemp("lab")
    root, runtime, settings = base / "root", base / "runtime", base / "settings"
    for folder in (root, runtime, settings):
        folder.mkdir()
    for name, values in SETTINGS.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    token = secrets.token_hex(16)
    env = {
        **os.environ,
        "HOME": str(base),
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(base / "workspaces"),
        "IPYTHONDIR": str(base / "ipython"),
        "JUPYTER_TOKEN": token,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    log = (base / "server.log").open("wb")
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port_retries=200",
            f"--ServerApp.root_dir={root}",
            "--expose-app-in-browser",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
        ],
        env=env,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Lab(root, _address(server, runtime, token, base / "server.log"), token)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        log.close()


def _address(server: subprocess.Popen[bytes], runtime: Path, token: str, log: Path) -> str:
    """Return the server's address once it answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, f"JupyterLab ended:\n{log.read_text(errors='replace')[-3000:]}"
        for path in runtime.glob("jpserver-*.json"):
            try:
                url: str = json.loads(path.read_text())["url"]
                with urlopen(f"{url}api/status?token={token}", timeout=5) as answer:
                    if answer.status == 200:
                        return url
            except (OSError, ValueError):
                continue
        time.sleep(0.1)
    pytest.fail(f"JupyterLab didn't answer within 60 s:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def browser(require: Callable[[object, str], None]) -> Iterator[Browser]:
    """Yield headless Chromium; its driver keeps an event loop running, which no other module may meet."""
    require(CHROMIUM, "no Chromium in its usual places")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def lab_page(lab: Lab, browser: Browser) -> Iterator[LabPage]:
    """Yield a fresh page; open a notebook in it."""
    context = browser.new_context(viewport={"width": 1100, "height": 900}, locale="en-US")
    page = LabPage(lab, context.new_page())
    yield page
    context.close()


class WidgetPage:
    """A page that shows one widget's bundle and nothing else, with a model that stands for the kernel.

    Attributes:
        page: Playwright's page.
        outside: Addresses that it asked for.
        problems: Errors in its console and errors that nobody caught.
    """

    def __init__(self, page: Page, name: str, state: dict[str, Any]) -> None:
        self.page = page
        self.outside: list[str] = []
        self.problems: list[str] = []
        page.on(
            "request",
            lambda one: (
                None if one.url.startswith(("blob:", "data:", "about:")) else self.outside.append(one.url)
            ),
        )
        page.on("console", lambda one: self.problems.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        static = ROOT / "ve_magics" / "widgets" / "static"
        harness = (Path(__file__).parent / "widget_page.js").read_text("utf-8")
        script, style = ((static / f"{name}.{kind}").read_text("utf-8") for kind in ("js", "css"))
        page.set_content("<!doctype html><title>widget</title>")
        page.evaluate(harness, {"script": script, "style": style, "state": state})

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the views have sent, oldest first."""
        found: list[dict[str, Any]] = self.page.evaluate("() => window.widget.sent")
        return found

    def asked(self, do: str) -> list[dict[str, Any]]:
        """Return the messages of one kind that the views have sent."""
        return [message for message in self.sent if message["do"] == do]

    def tell(self, message: dict[str, Any], data: bytes | None = None) -> None:
        """Send a message from the kernel to every view, and wait until it is drawn."""
        self.page.evaluate(
            "([message, bytes]) => window.widget.tell(message, bytes && [bytes])",
            [message, None if data is None else list(data)],
        )

    def picture(self, name: str) -> None:
        """Keep a screenshot where one is asked for."""
        if folder := os.environ.get("TEST_SCREENSHOTS"):
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.fixture
def widget_page(browser: Browser) -> Iterator[Callable[..., WidgetPage]]:
    """Return `widget_page(name, state, **settings of the page)`, which shows a widget alone."""
    contexts = []

    def show(name: str, state: dict[str, Any], **settings: Any) -> WidgetPage:
        context = browser.new_context(
            **{"viewport": {"width": 760, "height": 800}, "locale": "en-US", **settings}
        )
        contexts.append(context)
        return WidgetPage(context.new_page(), name, state)

    yield show
    for context in contexts:
        context.close()
