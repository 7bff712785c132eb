"""Packs bytes as a zlib stream that is the same on every machine.

The zlib of a machine may pack better, and another one's packs otherwise: whoever compares bytes needs one way. Here
it is runs and repetitions found greedily, written in the fixed code of RFC 1951.
"""

from __future__ import annotations

import zlib

_KEY = 4
"""Bytes that must be the same before two places are compared; shorter repetitions are not worth it."""
_LONGEST = 258
_FARTHEST = 32_768
_END = 256


def _reversed(code: int, bits: int) -> int:
    return int(f"{code:0{bits}b}"[::-1], 2)


def _ladder(first: int, groups: int, per_group: int, flat: int) -> list[tuple[int, int]]:
    """Return lowest value and extra bits of each symbol of RFC 1951's tables 3.2.5."""
    rungs, value = [], first
    for symbol in range(groups):
        extra = max(0, (symbol - flat) // per_group)
        rungs.append((value, extra))
        value += 1 << extra
    return rungs


_LENGTHS = [*_ladder(3, 28, 4, 4), (258, 0)]
_DISTANCES = _ladder(1, 30, 2, 2)


def _symbols() -> list[tuple[int, int]]:
    """Return code and width of each literal and length symbol, its bits in the order in which they are written."""
    widths = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
    starts = {7: 0, 8: 0x30, 9: 0x190}
    found = []
    for symbol, bits in enumerate(widths):
        code = 0xC0 + symbol - 280 if symbol >= 280 else starts[bits]
        if symbol < 280:
            starts[bits] += 1
        found.append((_reversed(code, bits), bits))
    return found


_SYMBOLS = _symbols()


def _spread(rungs: list[tuple[int, int]], highest: int) -> list[int]:
    """Return the symbol of each value from 0 to the highest."""
    found, symbol = [0] * (highest + 1), 0
    for value in range(rungs[0][0], highest + 1):
        while symbol + 1 < len(rungs) and rungs[symbol + 1][0] <= value:
            symbol += 1
        found[value] = symbol
    return found


_LENGTH_SYMBOL = _spread(_LENGTHS, _LONGEST)
_DISTANCE_SYMBOL = _spread(_DISTANCES, _FARTHEST)


def pack(data: bytes, *, stride: int = 0) -> bytes:
    """Return the data as a zlib stream.

    Args:
        data: Anything.
        stride: A distance at which repetitions are likely, such as the bytes of a row; 0 where there is none.
    """
    out = bytearray(b"\x78\x01")
    held, bits = 0b011, 3  # the last block, in the fixed code
    seen: dict[bytes, int] = {}
    at = 0
    while at < len(data):
        key = data[at : at + _KEY]
        length, distance = 0, 0
        for start in {seen.get(key, -1), at - stride if stride else -1}:
            if 0 <= start < at and at - start <= _FARTHEST:
                found = _same(data, start, at)
                if (found, start) > (length, at - distance if distance else -1):
                    length, distance = found, at - start
        if length < _KEY:
            length = 1
            code, width = _SYMBOLS[data[at]]
            held |= code << bits
            bits += width
        else:
            symbol = _LENGTH_SYMBOL[length]
            code, width = _SYMBOLS[257 + symbol]
            held |= code << bits
            bits += width
            held |= (length - _LENGTHS[symbol][0]) << bits
            bits += _LENGTHS[symbol][1]
            symbol = _DISTANCE_SYMBOL[distance]
            held |= _reversed(symbol, 5) << bits
            bits += 5
            held |= (distance - _DISTANCES[symbol][0]) << bits
            bits += _DISTANCES[symbol][1]
        for place in range(at, at + length):
            seen[data[place : place + _KEY]] = place
        at += length
        if bits >= 64:
            out += (held & (1 << 64) - 1).to_bytes(8, "little")
            held >>= 64
            bits -= 64
    held |= _SYMBOLS[_END][0] << bits
    bits += _SYMBOLS[_END][1]
    out += held.to_bytes(-(-bits // 8), "little")
    return bytes(out) + zlib.adler32(data).to_bytes(4, "big")


def _same(data: bytes, start: int, at: int) -> int:
    """Return how many bytes from two places on are the same, at most 258."""
    length, most = 0, min(_LONGEST, len(data) - at)
    step = 32
    while length < most and step:
        if data[start + length : start + length + step] == data[at + length : at + length + step] and (
            length + step <= most
        ):
            length += step
        else:
            step //= 2
    return length
