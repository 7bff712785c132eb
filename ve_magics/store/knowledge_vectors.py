"""Vectors as the embedded store keeps them: one bit a number to look through all, half floats to weigh the best."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from ve_magics.errors import MissingExtraError

OVERSAMPLE = 8
"""So many times as many passages are weighed exactly as are wanted: the bits alone are a rough order."""
FEWEST = 400
"""Passages that are weighed exactly at least."""


def numpy() -> Any:
    """Return numpy.

    Raises:
        MissingExtraError: It isn't installed.
    """
    try:
        return importlib.import_module("numpy")
    except ImportError:
        raise MissingExtraError("Searching by vectors", "knowledge") from None


def packed(vector: Sequence[float]) -> tuple[bytes, bytes]:
    """Return a vector's bits and its half floats, its length made 1.

    Raises:
        MissingExtraError: numpy isn't installed.
    """
    np = numpy()
    values = _unit(np, vector)
    return np.packbits(values > 0).tobytes(), values.astype("<f2").tobytes()


def _unit(np: Any, vector: Sequence[float]) -> Any:
    values = np.nan_to_num(np.asarray(vector, dtype="<f4"), nan=0.0, posinf=0.0, neginf=0.0)
    length = float(np.linalg.norm(values))
    return values / length if length else values


class Codes:
    """The bits of every passage of one build, in memory: a few MiB for 100,000 passages.

    Args:
        rows: Number and bits of each passage. Bits of another length belong to another size of vector, and are passed
            over.
        size: Length of the bits, in bytes.
    """

    def __init__(self, rows: Sequence[tuple[int, bytes]], size: int) -> None:
        np = numpy()
        whole = [(number, code) for number, code in rows if len(code) == size]
        self.ids = np.array([number for number, _ in whole], dtype=np.int64)
        padding = b"\0" * (-size % 8)
        joined = b"".join(code + padding for _, code in whole)
        self._words = np.frombuffer(joined, dtype=np.uint64).reshape(len(whole), (size + len(padding)) // 8)
        self._padding = padding

    def nearest(self, code: bytes, limit: int) -> list[int]:
        """Return the numbers of the passages whose bits differ least, in no order."""
        np = numpy()
        if not len(self.ids):
            return []
        differing = self._words ^ np.frombuffer(code + self._padding, dtype=np.uint64)
        distance = np.bitwise_count(differing).sum(axis=1, dtype=np.int32)
        if limit < len(distance):
            best = np.argpartition(distance, limit)[:limit]
            return [int(number) for number in self.ids[best]]
        return [int(number) for number in self.ids]


def weighed(vector: Sequence[float], rows: Sequence[tuple[int, bytes]]) -> list[tuple[int, float]]:
    """Return passages with the cosine between their vectors and one, best first.

    Args:
        vector: What is asked for.
        rows: Number and half floats of each passage.
    """
    np = numpy()
    wanted = _unit(np, vector)
    rows = [row for row in rows if len(row[1]) == 2 * len(wanted)]
    if not rows:
        return []
    table = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").reshape(len(rows), len(wanted))
    scores = table.astype("<f4") @ wanted
    order = np.argsort(-scores, kind="stable")
    return [(rows[at][0], float(scores[at])) for at in order]
