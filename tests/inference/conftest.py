"""Real inference runs only where it is asked for: `pytest -m inference`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.inference.servers import KINDS, Kind, Server, environment, running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what runs a real server, unless the marker is named on the command line."""
    ours = [item for item in items if item.get_closest_marker("inference")]
    if "inference" in config.option.markexpr:
        for item in ours:
            item.add_marker(pytest.mark.xdist_group("serial"))  # one worker, so that each server runs once
    elif ours:
        items[:] = [item for item in items if not item.get_closest_marker("inference")]
        config.hook.pytest_deselected(items=ours)


@pytest.fixture(scope="session")
def start(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Kind], Server]]:
    """Yield `start(kind)`, which starts a server the first time it is asked for; all end with the session."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:

        @cache
        def started(kind: Kind) -> Server:
            with capture.global_and_fixture_disabled():
                environment(kind)  # says so while it builds for minutes
            return stack.enter_context(running(kind, tmp_path_factory.mktemp(kind.name)))

        yield started


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest, start: Callable[[Kind], Server]) -> Server:
    """Return each real server in turn, with the tiny model loaded."""
    return start(request.param)
