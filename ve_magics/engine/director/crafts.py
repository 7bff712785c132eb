"""How the models of each family like to be spoken to. A family that is not listed is spoken to in English.

What is said here are the makers' own prompt guides, as far as they agree; a model that is told more than it needs
still makes the film, so that a wrong line costs words and not money.
"""

from __future__ import annotations

import re

import msgspec


class Craft(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a family of video models.

    Attributes:
        languages: Languages that it understands as well as English: `zh`.
        sound: Whether it makes sound, so that it is worth describing.
        longest: Characters that a prompt may have at most.
        advice: What its maker says of prompts, for the director.
    """

    languages: tuple[str, ...] = ()
    sound: bool = True
    longest: int = 2000
    advice: str = ""


PLAIN = Craft()
_CRAFTS: tuple[tuple[str, Craft], ...] = (
    (
        r"^sora",
        Craft(
            longest=4000,
            advice="One camera move and one clear action a shot; name the lens, the light source and three colours.",
        ),
    ),
    (
        r"^(veo|gemini-omni)",
        Craft(
            longest=3000, advice="Say camera, subject, action, setting, style; put speech in quotation marks."
        ),
    ),
    (
        r"^kling",
        Craft(
            languages=("zh",),
            longest=2400,
            advice="Subject and its movement first, then the scene, then camera, light and mood.",
        ),
    ),
    (
        r"(hailuo|minimax|^t2v|^i2v)",
        Craft(
            languages=("zh",),
            longest=1900,
            advice="Camera moves may stand in square brackets, such as [Push in] or [Static shot].",
        ),
    ),
    (
        r"(^wan|happyhorse)",
        Craft(
            languages=("zh",),
            longest=1400,
            advice="Subject, scene, movement, then camera language, light and style.",
        ),
    ),
    (
        r"(seedance|doubao|jimeng)",
        Craft(
            languages=("zh",),
            longest=1900,
            advice="Subject and movement first; several moves of subject or camera may follow one another.",
        ),
    ),
    (
        r"^(gen\d|gen-|aleph|runway)",
        Craft(
            sound=False, longest=950, advice="Simple, direct sentences; describe motion, never conversation."
        ),
    ),
    (r"^ray", Craft(sound=False, longest=1900, advice="Three or four sentences of natural language.")),
    (r"^grok", Craft(longest=1900)),
    (r"(hunyuan|cogvideo|vidu|skyreels)", Craft(languages=("zh",), longest=1400)),
    (r"^(film|fault-)", Craft(languages=("zh",))),
)


def craft_of(model: str) -> Craft:
    """Return how to speak to a model.

    Args:
        model: The provider's name of it; what stands before the last slash says who serves it and is passed over.
    """
    name = model.rpartition("/")[2].lower()
    return next((craft for pattern, craft in _CRAFTS if re.search(pattern, name)), PLAIN)
