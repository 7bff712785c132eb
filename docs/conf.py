"""How the manual is built: `sphinx-build -W docs docs/_build`, offline."""

import shutil
from pathlib import Path

from ve_magics import __version__

project = "ve_magics"
author = "The ve_magics developers"
release = __version__
extensions = ["myst_nb"]
nb_execution_mode = "off"
html_theme = "furo"
html_title = f"ve_magics {release}"
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]
myst_enable_extensions = ["dollarmath"]
suppress_warnings = [
    "myst.xref_missing",
    "toc.not_included",
    "misc.highlighting_failure",  # a cell of ours holds a question, not Python
    "mystnb.unknown_mime_type",  # a chart whose figures stand in the table beside it
]

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
TUTORIALS = Path(__file__).parent / "tutorials"


def copy_tutorials(_app, _config):
    """Put the notebooks, as they are saved, among the pages."""
    TUTORIALS.mkdir(exist_ok=True)
    for path in [*NOTEBOOKS.glob("*.ipynb"), NOTEBOOKS / "evening.png"]:
        if path.stem != "quickstart":
            shutil.copy2(path, TUTORIALS)


def copy_films(app, exception):
    """Put the films that the tutorials play beside their pages."""
    if exception is None and app.builder.format == "html":
        for path in NOTEBOOKS.glob("*.recording/*.mp4"):
            shutil.copy2(path, Path(app.outdir, "tutorials"))


def setup(app):
    """Join the notebooks to the manual."""
    app.connect("config-inited", copy_tutorials)
    app.connect("build-finished", copy_films)
