"""Who says yes to a call in a session: what a reader is told, and how far the word reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.agent.scripted_means import tool
from ve_magics.engine.acting import Surroundings, Tools, connections, without_twins
from ve_magics.engine.agent.values import Noted, Situation
from ve_magics.engine.config import Config
from ve_magics.engine.session import Session
from ve_magics.engine.toolmemory import ToolMemory
from ve_magics.errors import ArgumentsError
from ve_magics.messages import ToolCall

pytestmark = pytest.mark.anyio


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(
        config=Config(environ={}, directory=tmp_path, keyring=lambda _: None),
        directory=tmp_path,
        data=tmp_path / "home",
    )


async def here(function: Any) -> Any:
    return function()


@pytest.mark.parametrize(
    ("price", "said"),
    [(None, "What it costs is not known."), (1.5, "It costs about $1.50."), (0.0, "▶ pay(to=")],
)
async def test_question_tells_price_agent_and_danger(
    session: Session, price: float | None, said: str
) -> None:
    """A reader is told the whole call, what it costs, which agent wants it, and what the model had read."""
    questions: list[str] = []
    notes: list[Any] = []

    def question(text: str) -> str:
        questions.append(text)
        return "yes"

    means = Surroundings(session, ToolMemory(session), question=question)
    offer = tool("pay", approve=True, price=lambda _: price)
    situation = Situation("film", ToolCall("c", "pay", '{"to": "eve"}'), notes.append, here)
    assert await means.approve(offer, {"to": "eve"}, situation, ("read_mail",))
    (asked,) = questions
    assert said in asked
    assert 'pay(to="eve")' in asked
    assert "The agent film wants it." in asked
    assert "strangers wrote (read_mail)" in asked
    assert notes == [Noted("film", 'approved: pay(to="eve")')]


async def test_yes_to_all_is_no_yes_to_what_only_a_person_may(session: Session) -> None:
    """`all` holds for a tool's further calls, but never for code."""
    for always, asked in ((False, 1), (True, 2)):
        questions: list[str] = []

        def question(text: str, questions: list[str] = questions) -> str:
            questions.append(text)
            return "all"

        means = Surroundings(session, ToolMemory(session), question=question)
        offer = tool("run", approve=True, always=always)
        situation = Situation("", ToolCall("c", "run", "{}"), lambda _: None, here)
        for _ in range(2):
            assert await means.approve(offer, {}, situation, ())
        assert len(questions) == asked


async def test_twins_are_refused_and_sources_asked() -> None:
    """Tools that come later join the others, and two of one name are refused wherever they come from."""

    async def more() -> list[Any]:
        return [tool("b")]

    assert [offer.name for offer in await Tools((tool("a"),), (more,)).all()] == ["a", "b"]
    with pytest.raises(ArgumentsError, match="Two tools are called b"):
        await Tools((tool("b"),), (more,)).all()
    assert without_twins([]) == ()


async def test_servers_end_with_their_session(session: Session) -> None:
    """A session has one set of servers, and closing it closes them."""
    assert connections(session) is connections(session)
    assert len(session.closers) == 1
    await session.aclose()
