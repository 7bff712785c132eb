"""A shot in words: nothing that the user said is lost, and the prompt fits its model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ve_magics.engine.director import Shot, composed, craft_of
from ve_magics.engine.director.shots import shot_schema, speaks_chinese

words = st.text(min_size=1, max_size=80).filter(str.strip)
shots = st.builds(Shot, **{name: st.text(max_size=60) for name in Shot.__struct_fields__})


@given(words, shots, st.booleans(), st.integers(0, 600))
def test_the_users_words_are_kept_to_the_letter(said: str, shot: Shot, chinese: bool, longest: int) -> None:
    """Whatever the director adds and however short a prompt must be, it holds all that the user said."""
    prompt = composed(said, shot, chinese=chinese, longest=longest)
    assert said.strip() in prompt
    assert len(prompt) <= max(longest, len(said.strip()))


def test_fields_follow_the_users_words() -> None:
    """The user's words come first, then a line for each thing that they leave open."""
    shot = Shot(action="drifts slowly", camera="slow push-in", light="")
    assert composed("A paper boat", shot, chinese=False, longest=500) == (
        "A paper boat\nAction: drifts slowly.\nCamera: slow push-in."
    )
    assert composed("纸船", Shot(camera="缓慢推进"), chinese=True, longest=500) == "纸船\n镜头：缓慢推进。"


def test_what_was_said_is_not_said_again() -> None:
    """A field that the user's words hold already, or that another field says, is left out."""
    shot = Shot(subject="a Paper Boat!", action="it drifts", motion="it drifts")
    assert composed("A paper boat on water", shot, chinese=False, longest=500).count("drifts") == 1
    assert "Subject" not in composed("A paper boat on water", shot, chinese=False, longest=500)


def test_a_restated_prompt_keeps_the_original_beside_it() -> None:
    """Where the model understands another language better, its version leads and the user's words follow."""
    shot = Shot(restated="A cat runs through snow", camera="low tracking shot")
    prompt = composed("一只猫在雪里跑", shot, chinese=False, longest=500)
    assert prompt.splitlines() == [
        "A cat runs through snow.",
        "(一只猫在雪里跑)",
        "Camera: low tracking shot.",
    ]


def test_the_least_important_gives_way_first() -> None:
    """Where a prompt would be too long, what must not be seen goes before what happens."""
    shot = Shot(action="it drifts", avoid="blur " * 20)
    assert composed("A boat", shot, chinese=False, longest=60) == "A boat\nAction: it drifts."


def test_schema_asks_for_what_the_model_can_use() -> None:
    """A silent model is not given a sound, and nothing is restated in the same language."""
    plain = shot_schema(sound=False, restated=False)
    assert {"sound", "restated"}.isdisjoint(plain["properties"])
    assert {"sound", "restated"} <= {*shot_schema(sound=True, restated=True)["required"]}


def test_crafts_are_found_by_family() -> None:
    """A model is known by its family, whoever serves it; an unknown one is spoken to in English."""
    assert craft_of("kwaivgi/kling-v2.5").languages == ("zh",)
    assert craft_of("veo-3.1-fast").languages == ()
    assert not craft_of("gen4_turbo").sound
    assert craft_of("brand-new") == craft_of("another-one")


def test_chinese_is_told_by_its_letters() -> None:
    """A Chinese sentence with a foreign name in it is Chinese; numbers and marks don't count."""
    assert speaks_chinese("一只叫 Tom 的猫在雪地里奔跑，4 秒")
    assert not speaks_chinese("A cat called 汤姆 runs")
    assert not speaks_chinese("42!")
