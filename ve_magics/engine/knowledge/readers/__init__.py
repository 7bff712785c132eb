"""Readers: from the bytes of a file to blocks of text. Each format is one module; this one knows which reads what."""

from __future__ import annotations
