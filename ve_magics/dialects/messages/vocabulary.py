"""The words of the Messages API and what they mean to us."""

from __future__ import annotations

from ve_magics.messages import FinishReason

NAME = "messages"
VERSION = "2023-06-01"
"""The `anthropic-version` that is sent where the provider's row names none."""

FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
"""Stop reasons as servers write them; those from `stop` on come from imitators."""

STOPS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
}
"""The stop reason that tells each way to end."""
