"""What is known of the models behind OpenAI's video format (OpenAI API reference)."""

from __future__ import annotations

from ve_magics.dialects.videos.limits import Limits

NAME = "openai_videos"

_SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
_LACKS = ("seed", "negative_prompt")

LIMITS: dict[str, Limits] = {
    "sora-2": Limits(seconds=(4, 8, 12), sizes=_SIZES, prompt=32_000, lacks=_LACKS),
    "film": Limits(span=(0.1, 30.0)),
    "sora-2-pro": Limits(seconds=(4, 8, 12, 16, 20), sizes=_SIZES, prompt=32_000, lacks=_LACKS),
}
"""By model; other models are their provider's business."""
