"""A story becomes shots."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.director import Listed, Plan, listed, planned
from ve_magics.errors import ArgumentsError, UnfitAnswerError
from ve_magics.messages import ChatRequest, ChatResponse, Choice, assistant


@pytest.mark.parametrize(
    "text",
    [
        "Warm.\n- One\n- Two",
        "Warm.\n\n1. One\n2. Two\n",
        "Warm.\n1、One\n2、Two",
        "Warm.\n  * One\n  * Two",
        "Warm.\nShot 1: One\nshot 2: Two",
        "Warm.\n镜头1：One\n镜头2：Two",
    ],
)
def test_a_list_is_taken_as_it_is(text: str) -> None:
    """However a list is marked, each item is a shot, and what stands before it holds for all."""
    assert listed(text) == Plan((Listed("One"), Listed("Two")), story="Warm.")


def test_an_item_may_have_a_length_and_several_lines() -> None:
    """`(4 s)` in front is a shot's own length; a line without a mark goes on with the shot above it."""
    plan = listed("- (4 s) One\n  goes on\n-（6秒）二\n- [2.5sec] Three")
    assert plan is not None
    assert plan.shots == (Listed("One goes on", 4), Listed("二", 6), Listed("Three", 2.5))


def test_lines_of_dashes_part_shots() -> None:
    """Longer shots may stand between lines of dashes."""
    assert listed("One\nmore\n---\n(3 s) Two\n") == Plan((Listed("One\nmore"), Listed("Two", 3)))


@pytest.mark.parametrize(
    "text", ["A cat runs.", "A cat - or a dog - runs.\nThen it sleeps.", "- only one", ""]
)
def test_prose_is_no_list(text: str) -> None:
    """What isn't a list of at least two shots is a story."""
    assert listed(text) is None


def test_a_shot_of_nothing_is_refused() -> None:
    """A length without a picture, or a picture of no length, is told before anything is ordered."""
    for text in ("- (4 s)\n- Two", "- (0 s) One\n- Two"):
        with pytest.raises(ArgumentsError, match="shows nothing"):
            listed(text)


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_a_story(text: str) -> None:
    """Nothing that a user may write breaks the reading."""
    try:
        plan = listed(text)
    except ArgumentsError:
        return
    assert plan is None or len(plan.shots) > 1


async def _plan(answer: str) -> tuple[Plan, ChatRequest]:
    asked: list[ChatRequest] = []

    async def ask(request: ChatRequest) -> ChatResponse:
        asked.append(request)
        return ChatResponse(choices=(Choice(assistant(answer), finish="stop"),))

    return await planned("A story", 2, seconds=4, ask=ask, chat="m"), asked[0]


@pytest.mark.anyio
async def test_a_story_is_divided_by_a_chat_model() -> None:
    """The model is asked for exactly so many shots, and gets the length of each."""
    answer = {"title": " Far \n away", "shots": [{"words": "One "}, {"words": " "}, {"words": "Three"}]}
    plan, request = await _plan("```json\n" + json.dumps(answer) + "\n```")
    assert plan == Plan((Listed("One"),), story="A story", title="Far away")
    assert "exactly 2 shots" in request.messages[0].text
    assert "4 seconds" in request.messages[0].text
    assert request.messages[-1].text == "A story"


@pytest.mark.anyio
async def test_no_plan_is_an_error_that_shows_the_way() -> None:
    """A model that gives no shots costs nothing more: the user is told to list them."""
    for answer in ("No.", "{}", '{"shots": []}'):
        with pytest.raises(UnfitAnswerError, match="no plan of shots"):
            await _plan(answer)


@pytest.mark.anyio
async def test_a_plan_without_a_length_names_none() -> None:
    """Where the user names no length, the model is told none."""
    asked: list[ChatRequest] = []

    async def ask(request: ChatRequest) -> ChatResponse:
        asked.append(request)
        return ChatResponse(choices=(Choice(assistant('{"shots": [{"words": "x"}]}'), finish="stop"),))

    await planned("A story", 1, seconds=None, ask=ask, chat="m")
    assert "seconds" not in asked[0].messages[0].text
