"""The driver of an agent: calls side by side, results remembered, errors told, money and approval kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.agent.scripted_means import Means, play, says, script, told, tool, wants
from ve_magics.engine.agent.allowance import Allowance
from ve_magics.engine.agent.course import Ended
from ve_magics.engine.agent.report import Report
from ve_magics.engine.agent.running import Agent, Run, happenings, side_by_side
from ve_magics.engine.agent.values import (
    ApprovalError,
    Arguments,
    CallMoved,
    Errand,
    Happening,
    Limits,
    Offer,
    Situation,
)
from ve_magics.errors import BudgetError, RecordingError, StoreError, ToolFailedError
from ve_magics.events import Restarted, TextDelta
from ve_magics.messages import ChatRequest, Text, Tool, user
from ve_magics.tools import Output

pytestmark = pytest.mark.anyio


async def test_calls_of_a_step_run_side_by_side() -> None:
    """Every call of a step has begun before the first one ends."""
    begun: list[int] = []
    all_there = asyncio.Event()

    async def wait(arguments: Arguments) -> str:
        begun.append(arguments["n"])
        if len(begun) == 3:
            all_there.set()
        await all_there.wait()
        return str(arguments["n"])

    means = Means(script(wants(*(("slow", {"n": n}) for n in range(3))), says("Done.")))
    ended = await play(means, tool("slow", wait))
    assert ended.response.text == "Done."
    assert [result.text for result in told(means.asked[1])] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such city"), "Error: ValueError: no such city"),
        (ToolFailedError("It failed.", hint="Try later."), "Error: It failed. Try later."),
        (StoreError("The disk is full."), "Error: The disk is full."),
        (BudgetError("Too dear."), "Error: Too dear."),
        (RuntimeError("x" * 100_000), "characters were cut here"),
    ],
)
async def test_errors_go_back_to_the_model(error: Exception, said: str) -> None:
    """What a tool raises is told to the model, short and without a traceback, and the run goes on."""

    def fail(_: Arguments) -> str:
        raise error

    means = Means(script(wants(("bad", {})), says("Sorry.")))
    ended = await play(means, tool("bad", fail))
    (result,) = told(means.asked[1])
    assert result.is_error
    assert said in result.text
    assert len(result.text) < 2_200
    assert "Traceback" not in result.text
    assert ended.response.text == "Sorry."


@pytest.mark.parametrize("error", [ApprovalError("Nobody is here."), RecordingError("Not recorded.")])
async def test_what_the_user_must_settle_ends_the_run(error: Exception) -> None:
    """A missing yes and a missing recording are no business of the model's."""

    def fail(_: Arguments) -> str:
        raise error

    with pytest.raises(type(error)):
        await play(Means(script(wants(("bad", {})), says("never"))), tool("bad", fail))


async def test_known_results_are_not_made_again() -> None:
    """A call whose result is remembered is neither approved nor made."""
    first, again = (
        Means(script(wants(("pay", {})), says("Done.")), approves=lambda _: True) for _ in range(2)
    )
    made: list[int] = []

    def pay(_: Arguments) -> str:
        made.append(1)
        return "paid"

    offer = tool("pay", pay, approve=True)
    await play(first, offer)
    again.memory = first.memory
    await play(again, offer)
    assert made == [1]
    assert again.questions == []
    assert told(again.asked[1])[0].text == "paid"


async def test_refused_calls_are_not_made_and_told() -> None:
    """A call that is not approved is not made, is not remembered, and the model learns why."""
    means = Means(script(wants(("pay", {})), says("Fine.")), approves=lambda _: False)
    await play(means, tool("pay", lambda _: pytest.fail("it was made"), approve=True))
    assert "did not approve" in told(means.asked[1])[0].text
    assert means.memory == {}


async def test_budget_is_hard() -> None:
    """A question that could pass the limit is not asked, and nothing without a price is."""
    answers = script(wants(("look", {"n": 1})), wants(("look", {"n": 2})), says("never"))
    means = Means(answers, cost=0.4)
    with pytest.raises(BudgetError, match=r"\$0.4000, and of --budget \$1.0000 \$0.2000 is left"):
        await play(means, tool("look"), budget=1.0)
    assert len(means.asked) == 2
    with pytest.raises(BudgetError, match="nobody knows"):
        await play(Means(answers, cost=None), tool("look"), budget=1.0)


async def test_tools_are_paid_from_the_budget_too() -> None:
    """A call that could pass the limit is not made; the model is told, and the run goes on without it."""
    happened: list[Happening] = []
    made: list[int] = []

    def film(_: Arguments) -> Output:
        made.append(1)
        return Output((Text("filmed"),), cost=0.6)

    offer = tool("film", film, approve=True, price=lambda _: 0.6)
    calls = (wants(("film", {"n": n})) for n in range(3))
    means = Means(script(*calls, says("One is enough.")), approves=lambda _: True)
    await play(means, offer, budget=1.0, tell=happened.append)
    assert made == [1]
    results = told(means.asked[-1])
    assert [result.is_error for result in results] == [False, True, True]
    report = Report()
    for one in happened:
        report.add(one)
    assert report.cost.amount == 0.6
    assert "--budget" in report.notes[0]


async def test_what_is_known_costs_nothing() -> None:
    """A call whose result is there already needs no yes and no money, however little is left."""
    offer = tool(
        "film", lambda _: "there", approve=True, price=lambda _: 9.0, known=lambda _: True, remembers=True
    )
    means = Means(script(wants(("film", {})), says("Done.")), approves=lambda _: False)
    await play(means, offer, budget=0.1)
    assert told(means.asked[1])[0].text == "there"
    assert means.memory == {}, "it remembers for itself"


async def test_report_tells_the_run() -> None:
    """Steps, calls, progress, costs and tokens are told as they happen, and a restart forgets what came."""

    async def run(arguments: Arguments, situation: Situation) -> Output:
        situation.tell(CallMoved(situation.agent, situation.call, "half"))
        assert report.calls[0].progress == "half"
        return Output((Text("seen"),), shown=("film",), cost=None)

    report = Report()
    offer = Offer(spec=Tool("look"), run=run)
    means = Means(script(wants(("look", {"a": 1})), says("Done.")), cost=0.5)
    await play(means, offer, tell=report.add)
    assert [(step.agent, step.number) for step in report.steps] == [("", 1), ("", 2)]
    (call,) = report.calls
    assert (call.name, call.arguments, call.result, call.failed, call.source) == (
        "look",
        '{"a": 1}',
        "seen",
        False,
        "run",
    )
    assert report.shown == ["film"]
    assert repr(call) == "<agent: look(a=1) → 'seen'>"
    assert repr(report.steps[1]) == "<step 2 of the agent: 0 calls, 'Done.'>"
    assert report.cost.amount is None, "one price is not known"
    assert report.usage is None
    assert report.steps[1].text == "Done."


async def test_errands_are_done_where_they_can_be() -> None:
    """What only the cell's own thread can do is handed out and waited for, its errors included."""

    async def ask(situation_here: Callable[[Callable[[], Any]], Any]) -> str:
        with pytest.raises(ZeroDivisionError):
            await situation_here(lambda: 1 / 0)
        return str(await situation_here(lambda: 6 * 7))

    async def run(_: Arguments, situation: Situation) -> Output:
        return Output((Text(await ask(situation.here)),))

    means = Means(script(wants(("ask", {})), says("Done.")))

    def tell(happening: Happening) -> None:
        if isinstance(happening, Errand):
            asyncio.get_running_loop().call_soon(happening.perform)

    await play(means, Offer(spec=Tool("ask"), run=run), tell=tell)
    assert told(means.asked[1])[0].text == "42"


async def test_stopping_stops_everything() -> None:
    """Closing the stream of happenings cancels the calls that run."""
    stopped: list[str] = []
    running = asyncio.Event()

    async def wait(_: Arguments) -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append("call")
            raise
        return ""

    means = Means(script(wants(("slow", {}), ("slow", {"n": 2})), says("never")))

    async def start(tell: Callable[[Happening], None]) -> Ended:
        run = Run(means, tell, Allowance())
        return await run.play(Agent("", (tool("slow", wait),)), ChatRequest(model="", messages=(user("x"),)))

    stream = happenings(start)
    async for _ in stream:
        if running.is_set():
            break
    await stream.aclose()
    assert stopped == ["call", "call"]


async def test_first_failure_ends_the_others() -> None:
    """Of jobs side by side the first that fails stops the rest."""
    stopped = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ToolFailedError("no")

    with pytest.raises(ToolFailedError):
        await side_by_side([wait(), fail()])
    assert stopped.is_set()


async def test_restart_is_noted() -> None:
    """An answer that starts over on another target is told anew, and the reader learns of it."""

    class Restarting(Means):
        async def ask(self, request: ChatRequest, trace: Any) -> Any:
            yield TextDelta("half an ans")
            yield Restarted("b/m", "it broke")
            async for event in super().ask(request, trace):
                yield event

    report = Report()
    await play(Restarting(script(says("Whole."))), tell=report.add, limits=Limits(steps=1))
    assert report.steps[0].text == "Whole."
    assert report.notes == ["started over on b/m: it broke"]
