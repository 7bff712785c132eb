"""A shot in words: what the director fills in, and how it is joined to what the user said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_LONGEST_FIELD = 400
"""Characters of a field; a model that writes a novel is cut off."""


class Shot(msgspec.Struct, frozen=True):
    """What the user's words leave open; an empty field is one that they don't.

    Attributes:
        restated: All that the user said, in the language that the model understands best; empty where it is the same.
        subject: Who or what is seen.
        action: What happens, in one shot of this length.
        setting: Where and when.
        camera: Framing and movement.
        lens: Focal length and focus.
        light: Where it comes from and what it is like.
        motion: How things move: weight, wind, water, cloth.
        sound: What is heard.
        style: The look.
        avoid: What must not be seen.
    """

    restated: str = ""
    subject: str = ""
    action: str = ""
    setting: str = ""
    camera: str = ""
    lens: str = ""
    light: str = ""
    motion: str = ""
    sound: str = ""
    style: str = ""
    avoid: str = ""


_TITLES = {
    "subject": ("Subject", "主体"),
    "action": ("Action", "动作"),
    "setting": ("Setting", "场景"),
    "camera": ("Camera", "镜头"),
    "lens": ("Lens", "焦段"),
    "light": ("Light", "光线"),
    "motion": ("Motion", "运动"),
    "style": ("Style", "风格"),
    "sound": ("Sound", "声音"),
    "avoid": ("Avoid", "避免"),
}
_LEAST_FIRST = (
    "avoid",
    "lens",
    "sound",
    "style",
    "motion",
    "setting",
    "subject",
    "light",
    "camera",
    "action",
)
"""In which order fields give way where a prompt would be too long."""


def shot_schema(*, sound: bool, restated: bool) -> dict[str, Any]:
    """Return the JSON Schema of a shot.

    Args:
        sound: Whether the model makes sound.
        restated: Whether the user's words are to be said in another language too.
    """
    names = [
        name
        for name in Shot.__struct_fields__
        if (sound or name != "sound") and (restated or name != "restated")
    ]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }


def composed(said: str, shot: Shot, *, chinese: bool, longest: int) -> str:
    """Return the prompt for the model: the user's own words, then what the director adds.

    The user's words are all there, to the letter. Where the director restates them in another language, that comes
    first and the words themselves follow. Fields give way, the least important first, where it would be too long.

    Args:
        said: The user's words.
        shot: What the director adds.
        chinese: Whether it is written in Chinese.
        longest: Characters that the prompt may have at most.
    """
    said = said.strip()
    fields = {name: _tidy(getattr(shot, name)) for name in _TITLES}
    told = _plain(said)
    for name, text in list(fields.items()):
        if not _plain(text) or _plain(text) in told:
            del fields[name]
        told += f"|{_plain(text)}"
    restated = _tidy(shot.restated, 4 * len(said) + _LONGEST_FIELD)
    dropping = iter(_LEAST_FIRST)
    while True:
        prompt = _joined(said, restated, fields, chinese=chinese)
        if len(prompt) <= longest:
            return prompt
        field = next(dropping, None)
        if field is None:
            return said
        fields.pop(field, None)


def _joined(said: str, restated: str, fields: Mapping[str, str], *, chinese: bool) -> str:
    colon, stop = ("：", "。") if chinese else (": ", ".")
    head = f"{_ended(restated, stop)}\n({said})" if restated and _plain(restated) != _plain(said) else said
    lines = [f"{_TITLES[name][chinese]}{colon}{_ended(text, stop)}" for name, text in fields.items()]
    return "\n".join([head, *lines])


def _tidy(text: str, longest: int = _LONGEST_FIELD) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _ended(text: str, stop: str) -> str:
    return text if text.endswith((".", "!", "?", "。", "！", "？", "…", '"', "”", "」")) else text + stop


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def speaks_chinese(text: str) -> bool:
    """Whether a text is mostly Chinese."""
    letters = [character for character in text if character.isalpha()]
    chinese = sum("\u3400" <= character <= "\u9fff" for character in letters)
    return chinese * 2 > len(letters)
