"""Who of a model's targets makes videos."""

from __future__ import annotations

from ve_magics.engine.session import Session
from ve_magics.errors import UnsupportedError
from ve_magics.routing import Target


def film_target(session: Session, model: str) -> Target:
    """Return the first target of a model whose provider makes videos, one that has a key before one that hasn't.

    Raises:
        UnsupportedError: None of them does.
        UnknownModelError: Nobody serves the model.
    """
    return film_targets(session, model)[0]


def film_targets(session: Session, model: str) -> list[Target]:
    """Return the targets of a model whose providers make videos, those that have a key before those that haven't.

    Raises:
        UnsupportedError: None of them does.
        UnknownModelError: Nobody serves the model.
    """
    route = session.config.route(model)
    films = [target for target in route.targets if session.config.provider(target.provider).video]
    if films:
        return sorted(films, key=lambda target: not session.config.usable(target.provider))
    raise UnsupportedError(
        "video",
        route.targets[0].provider,
        message=f"{route.targets[0]} makes no videos.",
        hint="Choose another: %ve use sim/film, or a provider whose row says video = …",
    )
