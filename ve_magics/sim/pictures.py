"""Pictures in OpenAI's format, drawn by the film's scene painter."""

from __future__ import annotations

import base64

from ve_magics.dialects.videos.limits import dimensions
from ve_magics.errors import ArgumentsError, BadRequestError
from ve_magics.sim import models, tokens
from ve_magics.sim.counters import Counters
from ve_magics.sim.exchange import Answer, Request
from ve_magics.sim.faults import Faults, strike
from ve_magics.sim.settings import Settings
from ve_magics.sim.studio import Studio

MOST = 4
SIZE = "1024x1024"
SMALLEST, LARGEST = 128, 2048
PIXELS_PER_TOKEN = 700


class PictureDesk:
    """Answers requests for pictures.

    Args:
        settings: How it behaves.
        counters: Counted up.
        faults: Decides who meets which fault.
        studio: Draws them.
    """

    def __init__(self, settings: Settings, counters: Counters, faults: Faults, studio: Studio) -> None:
        self._settings = settings
        self._counters = counters
        self._faults = faults
        self._studio = studio

    async def generate(self, request: Request, out: Answer) -> None:
        """Draw pictures of a prompt."""
        asked = request.json()
        name = asked.get("model", "")
        if not isinstance(name, str):
            raise _wrong("model is a string.", "model")
        name = models.check(name, models.IMAGE, default="image")
        fault = self._faults.meet(request, name)
        self._counters.faults += fault is not None
        if not await strike(fault, self._settings, out):
            return
        prompt, count = asked.get("prompt"), asked.get("n", 1)
        if not isinstance(prompt, str) or not prompt.strip():
            raise _wrong("prompt is missing.", "prompt")
        if not isinstance(count, int) or not 1 <= count <= MOST:
            raise _wrong(f"n is 1 to {MOST}.", "n")
        if asked.get("response_format", "b64_json") != "b64_json":
            raise _wrong("This simulator has no addresses for pictures, only b64_json.", "response_format")
        width, height = _size(asked.get("size") or SIZE)
        files = [await self._studio.picture(prompt, width, height, seed) for seed in range(count)]
        read, made = tokens.count(prompt), count * width * height // PIXELS_PER_TOKEN
        await out.value(
            {
                "created": int(self._settings.now()),
                "data": [{"b64_json": base64.b64encode(file).decode("ascii")} for file in files],
                "size": f"{width}x{height}",
                "quality": "medium",
                "output_format": "png",
                "background": "opaque",
                "usage": {
                    "input_tokens": read,
                    "input_tokens_details": {"text_tokens": read, "image_tokens": 0},
                    "output_tokens": made,
                    "total_tokens": read + made,
                },
            }
        )


def _size(size: object) -> tuple[int, int]:
    try:
        width, height = dimensions(SIZE if size == "auto" else str(size))
    except ArgumentsError as error:
        raise _wrong(str(error), "size") from error
    if any(side % 2 or not SMALLEST <= side <= LARGEST for side in (width, height)):
        raise _wrong(f"Both sides of a size are even and {SMALLEST} to {LARGEST}.", "size")
    return width, height


def _wrong(message: str, param: str) -> BadRequestError:
    return BadRequestError(message, status=400, code="invalid_value", param=param)
