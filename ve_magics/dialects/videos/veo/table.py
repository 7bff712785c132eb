"""What is known of Veo's models (Google's API reference)."""

from __future__ import annotations

from ve_magics.dialects.videos.limits import Limits

NAME = "veo"

_VEO_3_1 = Limits(seconds=(4, 6, 8), aspects=("16:9", "9:16"), resolutions=("720p", "1080p", "4k"))

LIMITS: dict[str, Limits] = {
    "veo-3.1-generate-001": _VEO_3_1,
    "veo-3.1-fast-generate-001": _VEO_3_1,
    "veo-3.1-lite-generate-001": Limits(seconds=(4, 6, 8), aspects=("16:9", "9:16")),
    "veo-3.1-generate-preview": _VEO_3_1,
    "veo-3.1-fast-generate-preview": _VEO_3_1,
}
"""By model; other models are their provider's business."""


def bare(model: str) -> str:
    """Return a model's name without the folder that it may stand in."""
    return model.rpartition("/")[2]
