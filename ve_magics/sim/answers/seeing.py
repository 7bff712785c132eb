"""Looks at pictures: their size, and of small PNG files the colour that covers most of them."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

from ve_magics.messages import Image
from ve_magics.sim.answers.question import Question

MOST_PIXELS = 100_000
"""Pixels that are looked at, from the top; looking at more takes too long."""

_COLOURS = {
    "black": ((0, 0, 0), "黑色"), "white": ((255, 255, 255), "白色"), "grey": ((128, 128, 128), "灰色"),
    "red": ((220, 30, 30), "红色"), "green": ((40, 160, 60), "绿色"), "blue": ((40, 80, 210), "蓝色"),
    "light blue": ((140, 195, 240), "浅蓝色"), "yellow": ((245, 220, 50), "黄色"), "orange": ((245, 140, 30), "橙色"),
    "purple": ((130, 50, 160), "紫色"), "pink": ((245, 150, 185), "粉色"), "brown": ((125, 80, 40), "棕色"),
}  # fmt: skip
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def size_of(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF or JPEG file in pixels, or None where it is none of them."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:4] == b"GIF8" and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    return _jpeg_size(data) if data[:2] == b"\xff\xd8" else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None


def colour_of(data: bytes) -> str:
    """Return the English name of the colour that covers most of a PNG file; empty where that can't be seen."""
    try:
        pixels = _pixels(data)
    except (struct.error, zlib.error, IndexError, ValueError):
        return ""
    if not pixels:
        return ""
    return Counter(_named(pixel) for pixel in pixels).most_common(1)[0][0]


def _named(pixel: tuple[int, int, int]) -> str:
    return min(
        _COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(_COLOURS[name][0], pixel, strict=True))
    )


def _chunks(data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks[kind] = chunks.get(kind, b"") + data[at + 8 : at + 8 + size]
        at += 12 + size
    return chunks


def _pixels(data: bytes) -> list[tuple[int, int, int]]:
    """Return every third pixel of a PNG's first rows, without transparent ones."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return []
    chunks = _chunks(data)
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or interlaced or kind not in _CHANNELS or not width:
        return []
    channels = _CHANNELS[kind]
    stride = width * channels
    rows = min(height, max(1, MOST_PIXELS // width))
    raw = zlib.decompressobj().decompress(chunks[b"IDAT"], rows * (stride + 1))
    palette = chunks.get(b"PLTE", b"")
    found: list[tuple[int, int, int]] = []
    above = bytearray(stride)
    for row in range(len(raw) // (stride + 1)):
        start = row * (stride + 1)
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, channels)
        for at in range(0, stride, channels * 3):
            if kind in (4, 6) and above[at + channels - 1] < 128:
                continue
            index = above[at]
            if kind == 3:
                found.append((palette[3 * index], palette[3 * index + 1], palette[3 * index + 2]))
            elif kind in (0, 4):
                found.append((index, index, index))
            else:
                found.append((index, above[at + 1], above[at + 2]))
    return found


def _unfiltered(method: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    if method == 2:
        return bytearray((one + up) & 255 for one, up in zip(row, above, strict=True))
    if method == 0:
        return row
    for at in range(len(row)):
        left = row[at - step] if at >= step else 0
        if method == 1:
            guess = left
        elif method == 3:
            guess = (left + above[at]) // 2
        else:
            guess = _paeth(left, above[at], above[at - step] if at >= step else 0)
        row[at] = (row[at] + guess) & 255
    return row


def _paeth(left: int, up: int, corner: int) -> int:
    base = left + up - corner
    return min((left, up, corner), key=lambda near: abs(base - near))


def answer(question: Question) -> str | None:
    """Return what is to be seen in the question's pictures; None where it brings none."""
    if not question.images:
        return None
    seen = [_seen(question, image) for image in question.images]
    if len(seen) == 1:
        return seen[0]
    return "\n".join(f"{number}. {one}" for number, one in enumerate(seen, 1))


def _seen(question: Question, image: Image) -> str:
    if not image.data:
        return question.say(
            "I was given only the address of a picture; a simulated model loads nothing from the web.",
            "我只拿到了图片的地址，模拟模型不会从网上加载图片。",
        )
    size = size_of(image.data)
    kind = (image.media_type.rpartition("/")[2] or "image").upper()
    if size is None:
        return question.say(
            f"It is a {kind} file whose size I can't read.", f"这是一个 {kind} 文件，我读不出它的尺寸。"
        )
    width, height = size
    shape = (
        ("landscape", "横向")
        if width > height
        else ("portrait", "纵向")
        if width < height
        else ("square", "正方形")
    )
    colour = colour_of(image.data)
    english = f", mostly {colour}" if colour else ""
    chinese = f"，主要是{_COLOURS[colour][1]}" if colour else ""
    return question.say(
        f"The picture is a {kind} file of {width} × {height} pixels, {shape[0]}{english}. As a simulated model I see "
        "its size and colours, not what it shows.",
        f"这是一张 {width} × {height} 像素的 {kind} 图片，{shape[1]}{chinese}。"
        "我是模拟模型，只能看到尺寸和颜色，看不懂内容。",
    )
