"""Packing bytes in one way on every machine."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ve_magics.sim.film.deflate import pack

TEXTS = st.one_of(
    st.binary(max_size=2000), st.lists(st.sampled_from([b"ab", b"abc", b"\0" * 40, b"\xff"])).map(b"".join)
)


@given(TEXTS, st.integers(0, 50))
def test_what_is_packed_comes_back(data: bytes, stride: int) -> None:
    """Any zlib reads back exactly what was packed, whatever the stride says."""
    assert zlib.decompress(pack(data, stride=stride)) == data


@pytest.mark.parametrize("size", [1, 3, 4, 257, 258, 259, 40_000, 70_000])
def test_every_length_and_distance_comes_back(size: int) -> None:
    """Matches of every length and up to the farthest distance are written as they are read."""
    noise = bytes(hashlib.shake_256(b"noise").digest(size))
    data = noise + b"#" * size + noise
    assert zlib.decompress(pack(data)) == data


def test_repetitions_are_packed() -> None:
    """Runs and repetitions take a fraction of their room."""
    assert len(pack(b"a" * 10_000)) < 150
    assert len(pack(bytes(range(200)) * 50, stride=200)) < 400


def test_the_bytes_are_always_these() -> None:
    """The stream itself is fixed, not only what it holds."""
    assert pack(b"boat boat boat").hex() == "78014bca4f2c5180130026c90533"
