"""What a model's own maker says it can make, for providers that pass a request on to it and publish no limits.

Such a provider may cut, extend or turn a film itself, so this is a word of caution and never a refusal.
"""

from __future__ import annotations

import msgspec

from ve_magics.dialects.videos import kling, luma
from ve_magics.dialects.videos.limits import Limits, check_limits
from ve_magics.dialects.videos.minimax import table as minimax
from ve_magics.dialects.videos.openai_videos import table as openai
from ve_magics.dialects.videos.veo import table as veo
from ve_magics.errors import UnsupportedError
from ve_magics.jobs import VideoRequest

_OUR_OWN = {"film"}
"""Models that only the simulator has."""

_MAKERS: dict[str, Limits] = {
    name: limits
    for table in (openai.LIMITS, veo.LIMITS, luma.LIMITS, kling.LIMITS, minimax.LIMITS)
    for name, limits in table.items()
    if name not in _OUR_OWN
}


def caution(request: VideoRequest) -> str:
    """Return what a model's maker would say no to, with the nearest that it makes; empty where nothing is known.

    Only length, size, shape and resolution are looked at, and only where the maker's own name of the model is
    asked for, with or without the maker in front of it.

    Args:
        request: What is to be filmed, in its provider's names.
    """
    name = request.model.rpartition("/")[2]
    limits = _MAKERS.get(name)
    if limits is None:
        return ""
    shape = msgspec.structs.replace(limits, lacks=(), prompt=0)
    try:
        check_limits(msgspec.structs.replace(request, model=name), shape, "")
    except UnsupportedError as error:
        return f"At its maker, {error.message.rstrip('.')}. {error.hint} Whether this provider does is not known."
    return ""
