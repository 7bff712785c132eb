"""The director's one question, and what comes of each answer."""

from __future__ import annotations

import json

import pytest

from ve_magics.dialects.videos.registry import get_video_dialect
from ve_magics.engine.director import direct
from ve_magics.errors import BudgetError, MissingKeyError, RecordingError, UnsupportedError, VeError
from ve_magics.jobs import VideoRequest
from ve_magics.messages import ChatRequest, ChatResponse, Choice, Image, assistant

pytestmark = pytest.mark.anyio
REQUEST = VideoRequest(prompt="A paper boat", seconds=4, model="film")


class Chat:
    """A chat model that gives one answer."""

    def __init__(self, answer: str | VeError) -> None:
        self.answer = answer
        self.asked: list[ChatRequest] = []

    async def __call__(self, request: ChatRequest) -> ChatResponse:
        """Answer a question."""
        self.asked.append(request)
        if isinstance(self.answer, VeError):
            raise self.answer
        return ChatResponse(choices=(Choice(assistant(self.answer), finish="stop"),))


async def test_a_sentence_becomes_a_shot() -> None:
    """The chat model is asked once, with a schema, and its shot follows the user's words."""
    chat = Chat(json.dumps({"camera": "slow push-in"}))
    directed = await direct(REQUEST, "film", ask=chat, chat="m")
    assert directed.request.prompt == "A paper boat\nCamera: slow push-in."
    assert (directed.said, directed.note) == ("A paper boat", "")
    assert directed.request.seconds == 4
    (question,) = chat.asked
    assert question.output is not None
    assert question.output.kind == "json_schema"
    assert "lasts 4 seconds" in question.messages[0].text
    assert question.messages[-1].text == "A paper boat"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("I can't do that.", "m gave no shot"),
        ('{"camera": 7}', "m gave no shot"),
        ("{}", "nothing to add"),
        (MissingKeyError("Wrong key."), "Wrong key."),
    ],
)
async def test_without_a_shot_the_prompt_goes_as_it_is(answer: str | VeError, said: str) -> None:
    """A director that fails costs no film: the user's prompt is filmed, and it is said why."""
    directed = await direct(REQUEST, "film", ask=Chat(answer), chat="m")
    assert directed.request == REQUEST
    assert directed.said == ""
    assert said in directed.note


@pytest.mark.parametrize("error", [BudgetError("Over."), RecordingError("Lacks it.")])
async def test_limits_hold_for_the_director_too(error: VeError) -> None:
    """A question that could pass a budget, or that a replay lacks, ends the cell."""
    with pytest.raises(type(error)):
        await direct(REQUEST, "film", ask=Chat(error), chat="m")


async def test_a_long_prompt_is_nobodys_to_rewrite() -> None:
    """Who has written a page knows what he wants; nobody is asked."""
    chat = Chat("{}")
    directed = await direct(VideoRequest(prompt="a boat " * 300), "film", ask=chat, chat="m")
    assert "long one" in directed.note
    assert not chat.asked


async def test_the_models_language_is_asked_for() -> None:
    """Chinese words stay Chinese for a model that knows the language, and are restated for one that doesn't."""
    chat = Chat("{}")
    for model in ("kling-v3", "veo-3.1"):
        await direct(VideoRequest(prompt="纸船顺着雨中的街道漂流"), model, ask=chat, chat="m")
    same, foreign = (question.messages[0].text for question in chat.asked)
    assert "language of the user's words" in same
    assert "in English" in foreign
    outputs = [
        question.output.schema for question in chat.asked if question.output and question.output.schema
    ]
    assert ["restated" in schema["properties"] for schema in outputs] == [False, True]


async def test_a_picture_is_not_described_again() -> None:
    """With a first frame the director is told to write what happens, not what is seen."""
    chat = Chat("{}")
    request = VideoRequest(
        prompt="It moves", first_frame=Image(data=b"x", media_type="image/png"), audio=False
    )
    await direct(request, "film", ask=chat, chat="m")
    (question,) = chat.asked
    assert "A picture is given" in question.messages[0].text
    assert question.output is not None
    assert question.output.schema is not None
    assert "sound" not in question.output.schema["properties"]


@pytest.mark.parametrize(
    ("dialect", "model", "said"),
    [
        ("dashscope_videos", "wanx2.1-t2v-turbo", "a paper boat " * 30),
        ("runway", "veo3.1", "a paper boat " * 60),
        ("runway", "gen4.5", "a paper boat"),
        ("kling", "kling-v1", "a paper boat " * 90),
        ("minimax", "MiniMax-Hailuo-2.3", "a paper boat"),
    ],
)
async def test_the_prompt_is_no_longer_than_the_provider_takes(dialect: str, model: str, said: str) -> None:
    """Where a provider takes less of a model than its maker, less is written, and every word of the user's stays."""
    check = get_video_dialect(dialect).check
    asked: list[int] = []

    def fits(request: VideoRequest) -> bool:
        asked.append(len(request.prompt))
        try:
            check(request)
        except UnsupportedError as error:
            return error.field != "prompt"
        return True

    shot = dict.fromkeys(("action", "setting", "camera", "light", "style", "sound"), "")
    shot = {name: f"{name} " + "words that go on and on " * 20 for name in shot}
    request = VideoRequest(prompt=said.strip(), model=model)
    directed = await direct(request, model, ask=Chat(json.dumps(shot)), chat="m", fits=fits)
    check(directed.request)
    assert directed.request.prompt.startswith(said.strip())
    assert asked
    if len(asked) > 1:
        assert asked[-1] < asked[0]
