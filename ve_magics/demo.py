"""The quickstart notebook, run in the terminal or opened in JupyterLab."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ve_magics.errors import ConfigError, MissingExtraError, VeError

NOTEBOOK = "quickstart.ipynb"

CODE_STYLE = (
    "<style>.jp-OutputArea-output .highlight pre"
    " { font-family: var(--jp-code-font-family, monospace); }</style>"
)
"""nbconvert's page has no font of its own for code in an answer."""


class DemoFailedError(VeError):
    """A cell of the quickstart notebook failed."""


def quickstart() -> Path:
    """Return the quickstart notebook: the checkout's own, or the one that was installed.

    Raises:
        ConfigError: There is none.
    """
    package = Path(__file__).parent
    for folder in (package.parent / "notebooks", package / "notebooks"):
        if (folder / NOTEBOOK).is_file():
            return folder / NOTEBOOK
    raise ConfigError(f"{NOTEBOOK} is missing.", hint="Install ve_magics again.")


def prepare(folder: Path) -> Path:
    """Copy the quickstart notebook into a folder, unless it is there already; returns the copy.

    The copy has no outputs, since they show a video that doesn't lie beside it yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder.resolve() / NOTEBOOK
    if not copy.exists():
        notebook = json.loads(quickstart().read_text("utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        copy.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return copy


def open_lab(folder: Path, arguments: list[str]) -> int:
    """Open the quickstart notebook in JupyterLab; returns its exit status when it is closed.

    Raises:
        MissingExtraError: JupyterLab isn't installed.
    """
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise MissingExtraError("ve-magics lab", "lab")
    notebook = prepare(folder)
    print(f"Opening {notebook} in JupyterLab; stop it with Ctrl-C.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", *arguments, notebook.name]
    return subprocess.run(command, cwd=notebook.parent, check=False).returncode  # noqa: S603 - our own interpreter


def run_demo(folder: Path) -> int:
    """Run the quickstart notebook and show its answers as they come; returns 0.

    The finished notebook, its HTML and the video are left in the folder.

    Raises:
        MissingExtraError: nbclient or nbconvert isn't installed.
        DemoFailedError: A cell failed.
    """
    try:
        import nbformat
        from nbclient.exceptions import CellExecutionError
        from nbconvert import HTMLExporter

        from ve_magics.terminal import EchoingClient
    except ImportError:
        raise MissingExtraError("ve-magics demo", "lab") from None
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    finished = folder / NOTEBOOK
    notebook: Any = nbformat.read(quickstart(), as_version=4)
    client = EchoingClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        kernel_name="python3",
        timeout=300,
        out=sys.stdout,
    )
    print(f"Running the quickstart notebook in {folder}\n", flush=True)
    try:
        client.run()
    except CellExecutionError as error:
        raise DemoFailedError(
            f"A cell failed: {error.ename}: {error.evalue}", hint="ve-magics doctor looks for the cause."
        ) from None
    finally:
        nbformat.write(notebook, finished)
    html = finished.with_suffix(".html")
    body, _ = HTMLExporter().from_notebook_node(notebook)
    html.write_text(body.replace("</head>", f"{CODE_STYLE}</head>", 1), "utf-8")
    print("\nWhat you just saw lies here:")
    print(f"  notebook  {finished}")
    print(f"  page      {html}")
    for video in sorted(folder.glob("*.mp4")):
        print(f"  video     {video}")
    lab = subprocess.list2cmdline([sys.executable, "-m", "ve_magics", "lab", "--folder", str(folder)])
    print(f"\nOpen the notebook in JupyterLab: {lab}")
    return 0
