"""`%ve jobs`: the notebook's videos and those of all others, and what can be done with them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ve_magics.engine.video.listing import HEAD, cells, details, table, waiting
from ve_magics.engine.video.orders import carry_out, told
from ve_magics.jobs import Job
from ve_magics.magics.markdown.markdown import neutralise
from ve_magics.magics.notebook import Notebook
from ve_magics.magics.plain import show_text
from ve_magics.magics.tables import markdown_table

LISTED = 20
"""Jobs that are shown where nobody asks for all."""


def jobs(notebook: Notebook, words: list[str]) -> None:
    """Run `%ve jobs`: list them, or carry out an order.

    Jobs that earlier kernels of this notebook left behind are taken up first.

    Raises:
        VeError: The order is not understood, or can't be carried out.
    """
    session = notebook.session
    filming = session.filming
    notebook.portal.call(filming.resume(session.place))
    if words in ([], ["all"]):
        found = filming.jobs.find(limit=100_000 if words else LISTED)
        _show(found, time.time())
        return
    verb, *rest = words
    done = notebook.portal.call(carry_out(filming.engine, verb, rest))
    if verb == "show":
        show_text(details(done[0], time.time()))
    else:
        show_text(told(verb, done))


def _show(found: Sequence[Job], now: float) -> None:
    """Show jobs as a table."""
    text = table(found, now)
    if not found:
        show_text(text)
        return
    rows = markdown_table(HEAD, [cells(job, now) for job in found], right=("done", "age", "cost"))
    from IPython.display import publish_display_data

    publish_display_data(
        {"text/markdown": "\n\n".join([rows, *map(neutralise, waiting(found))]), "text/plain": text}, {}
    )
