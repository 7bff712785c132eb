"""The models that a simulator offers."""

from __future__ import annotations

from ve_magics import catalog
from ve_magics.errors import NotFoundError
from ve_magics.sim.faults import MODEL_PREFIX

CHAT = ("tutor", "thinker")
VIDEO = ("film",)
EMBEDDING = ("embed",)
IMAGE = ("image",)
RERANK = ("rerank",)
ALL = (*CHAT, *VIDEO, *EMBEDDING, *IMAGE, *RERANK)

OWNER = "simulator"


def plain(name: str) -> str:
    """Return a model's name without the word that says that it is simulated."""
    return name.removeprefix("sim/").removeprefix("sim-")


def shown(name: str) -> str:
    """Return a model's name as answers bear it: always with the word that says that it is simulated."""
    return f"sim/{plain(name)}"


def check(name: str, offered: tuple[str, ...], *, default: str = "") -> str:
    """Return the plain name of a model that is offered; a fault's name is as good as a model's.

    Raises:
        NotFoundError: There is no such model.
    """
    wanted = plain(name) or default
    if wanted in offered or wanted.startswith(MODEL_PREFIX):
        return wanted
    near = catalog.nearest(wanted, offered)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise NotFoundError(
        f"The model `{name}` does not exist or you do not have access to it. {hint}"
        f"This simulator offers here: {', '.join(offered)}.",
        status=404,
        code="model_not_found",
        param="model",
    )


def listing(created: int) -> dict[str, object]:
    """Return the list of models in OpenAI's form."""
    return {"object": "list", "data": [row(name, created) for name in ALL]}


def row(name: str, created: int) -> dict[str, object]:
    """Return one model in OpenAI's form."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}
