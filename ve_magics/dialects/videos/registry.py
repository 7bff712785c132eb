"""Every video dialect by name. A dialect is imported when it is first asked for."""

from __future__ import annotations

from importlib import import_module

from ve_magics.dialects.videos.contract import VideoDialect

VIDEO_DIALECTS: dict[str, str] = {
    "openai_videos": "ve_magics.dialects.videos.openai_videos",
    "veo": "ve_magics.dialects.videos.veo",
    "gemini_interactions_videos": "ve_magics.dialects.videos.gemini_interactions",
    "runway": "ve_magics.dialects.videos.runway",
    "luma": "ve_magics.dialects.videos.luma",
    "video_generations": "ve_magics.dialects.videos.video_generations",
    "unified_videos": "ve_magics.dialects.videos.unified_videos",
    "openrouter_videos": "ve_magics.dialects.videos.openrouter_videos",
    "xai_videos": "ve_magics.dialects.videos.xai_videos",
    "siliconflow_videos": "ve_magics.dialects.videos.siliconflow_videos",
    "fal": "ve_magics.dialects.videos.fal",
    "replicate": "ve_magics.dialects.videos.replicate",
    "kling": "ve_magics.dialects.videos.kling",
    "minimax": "ve_magics.dialects.videos.minimax",
    "dashscope_videos": "ve_magics.dialects.videos.dashscope_videos",
    "ark_videos": "ve_magics.dialects.videos.ark_videos",
}
"""Name of each dialect, and the module whose `dialect` it is."""


def get_video_dialect(name: str) -> VideoDialect:
    """Return the video dialect of this name.

    Raises:
        KeyError: No video dialect goes by that name.
    """
    dialect: VideoDialect = import_module(VIDEO_DIALECTS[name]).dialect
    return dialect
