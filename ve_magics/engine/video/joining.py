"""Several films into one, and a contact sheet of them, with PyAV; on this machine, at no cost.

Films that were encoded alike are joined without touching a picture. Others are brought to the size and rate of the
first one and encoded anew.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ve_magics.errors import JobError, MissingExtraError, StoreError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame

SHEET_WIDTH = 320
"""Pixels of one picture of a contact sheet."""

_RATE = 48_000


def join_films(films: Sequence[Path], target: Path) -> None:
    """Write one film that shows all of these, one after the other.

    Args:
        films: The films, at least one.
        target: The file, written whole or not at all; one that is there is replaced.

    Raises:
        MissingExtraError: PyAV isn't installed.
        JobError: A film can't be read.
        StoreError: The file can't be written.
    """
    _write(target, lambda part: _joined(films, part))


def convert_film(film: Path, target: Path) -> None:
    """Write a film as H.264 with AAC sound.

    Args:
        film: The film.
        target: The file, written whole or not at all; one that is there is replaced.

    Raises:
        MissingExtraError: PyAV isn't installed.
        JobError: The film can't be read.
        StoreError: The file can't be written.
    """
    _write(target, lambda part: _joined([film], part, anew=True))


def contact_sheet(films: Sequence[Path], target: Path) -> None:
    """Write a JPEG picture that shows the middle of each film, in rows.

    Args:
        films: The films, at least one.
        target: The file, written whole or not at all; one that is there is replaced.

    Raises:
        MissingExtraError: PyAV isn't installed.
        JobError: A film can't be read.
        StoreError: The file can't be written.
    """
    _write(target, lambda part: _sheet(films, part))


def last_picture(film: Path) -> bytes:
    """Return the last picture of a film as PNG.

    Raises:
        MissingExtraError: PyAV isn't installed.
        JobError: The film can't be read.
    """
    try:
        import av
    except ImportError:
        raise MissingExtraError("Going on from a clip", "video") from None
    try:
        with av.open(str(film)) as opened:
            last = None
            for frame in opened.decode(opened.streams.video[0]):
                last = frame
        if last is None:
            raise JobError(f"{film.name} shows nothing.")
        picture = last.reformat(format="rgb24")
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "rgb24"
        encoder.time_base = Fraction(1, 25)
        picture.pts = 0
        return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
    except (av.FFmpegError, IndexError) as error:
        raise JobError(f"{film.name} can't be read as a film: {error}.") from None


def _write(target: Path, make: Any) -> None:
    try:
        import av
    except ImportError:
        raise MissingExtraError("Joining or converting films", "video") from None
    part = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        make(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except av.FFmpegError as error:
        raise JobError(
            f"The films can't be joined: {error.strerror}.", hint="Each of them lies beside the notebook."
        ) from None
    except OSError as error:
        raise StoreError(f"{target.name} can't be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _joined(films: Sequence[Path], part: Path, *, anew: bool = False) -> None:
    import av

    with ExitStack() as stack:
        inputs = [stack.enter_context(av.open(str(film))) for film in films]
        output = stack.enter_context(
            av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"})
        )
        if not anew and len({_form(one) for one in inputs}) == 1:
            _copy(inputs, output)
        else:
            _encode(inputs, output)


def _form(film: InputContainer) -> tuple[object, ...]:
    """Return what two films must have in common to be joined as they are."""
    video = film.streams.video[0]
    form: tuple[object, ...] = (
        video.codec_context.name,
        video.width,
        video.height,
        video.pix_fmt,
        video.time_base,
        video.codec_context.extradata,
        len(film.streams.audio),
    )
    for sound in film.streams.audio[:1]:
        form += (sound.codec_context.name, sound.rate, sound.layout.name, sound.codec_context.extradata)
    return form


def _copy(inputs: Sequence[InputContainer], output: OutputContainer) -> None:
    """Write the packets of films that were encoded alike."""
    kinds = ["video", *(["audio"] if inputs[0].streams.audio else [])]
    written = {kind: output.add_stream_from_template(getattr(inputs[0].streams, kind)[0]) for kind in kinds}
    offset = Fraction(0)
    for film in inputs:
        end = offset
        streams = [getattr(film.streams, kind)[0] for kind in kinds]
        for packet in film.demux(*streams):
            if packet.dts is None or packet.pts is None or not packet.time_base:
                continue
            base = packet.time_base
            end = max(end, offset + (packet.pts + (packet.duration or 0)) * base)
            shift = round(offset / base)
            packet.pts += shift
            packet.dts += shift
            packet.stream = written[packet.stream.type]
            output.mux(packet)
        offset = end


def _encode(inputs: Sequence[InputContainer], output: OutputContainer) -> None:
    """Write films that differ, each brought to the size and the rate of the first."""
    first = inputs[0].streams.video[0]
    width, height = first.width // 2 * 2, first.height // 2 * 2
    known = first.average_rate
    rate = Fraction(known.numerator, known.denominator).limit_denominator(1001) if known else Fraction(24)
    picture = output.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "medium"})
    picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
    heard = any(film.streams.audio for film in inputs)
    sound = output.add_stream("aac", rate=_RATE) if heard else None
    shown = played = 0
    for film in inputs:
        for frame in _frames(film, width, height, rate):
            frame.pts, frame.time_base = shown, 1 / rate
            shown += 1
            output.mux(picture.encode(frame))
        if sound is None:
            continue
        until = math.ceil(shown / rate * _RATE)
        for piece in _sound(film, until - played):
            piece.pts, piece.time_base = played, Fraction(1, _RATE)
            played += piece.samples
            output.mux(sound.encode(piece))
    output.mux(picture.encode(None))
    if sound is not None:
        output.mux(sound.encode(None))


def _frames(film: InputContainer, width: int, height: int, rate: Fraction) -> Iterator[VideoFrame]:
    """Yield the pictures of a film in another size and rate, with bars where its shape is another."""
    from av.filter import Graph

    stream = film.streams.video[0]
    graph = Graph()
    source = graph.add_buffer(template=stream, time_base=stream.time_base)
    steps = [
        graph.add("scale", f"{width}:{height}:force_original_aspect_ratio=decrease"),
        graph.add("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2"),
        graph.add("setsar", "1"),
        graph.add("fps", f"{rate.numerator}/{rate.denominator}"),
        graph.add("format", "pix_fmts=yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(source, *steps).configure()
    for frame in film.decode(stream):
        graph.push(frame)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _sound(film: InputContainer, samples: int) -> Iterator[Any]:
    """Yield exactly so many samples of a film's sound, silence where it has none or too little."""
    import av

    left = samples
    if film.streams.audio:
        film.seek(0)
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_RATE, frame_size=1024)
        for frame in film.decode(film.streams.audio[0]):
            for piece in resampler.resample(frame):
                if piece.samples > left:
                    break
                left -= piece.samples
                yield piece
    while left > 0:
        size = min(1024, left)
        piece = av.AudioFrame(format="fltp", layout="stereo", samples=size)
        piece.rate = _RATE
        for plane in piece.planes:
            plane.update(bytes(plane.buffer_size))
        left -= size
        yield piece


def _sheet(films: Sequence[Path], part: Path) -> None:
    import av
    from av.filter import Graph

    pictures = [_middle(film) for film in films]
    columns = min(len(pictures), 4 if len(pictures) > 6 else 3)
    rows = math.ceil(len(pictures) / columns)
    height = round(SHEET_WIDTH * pictures[0].height / pictures[0].width / 2) * 2
    small = [_scaled(picture, SHEET_WIDTH, height) for picture in pictures]
    graph: Any = Graph()
    source = graph.add_buffer(width=SHEET_WIDTH, height=height, format="yuvj420p", time_base=Fraction(1, 25))
    tile = graph.add("tile", f"{columns}x{rows}:nb_frames={len(small)}:padding=4:margin=4:color=black")
    graph.link_nodes(source, tile, graph.add("buffersink")).configure()
    for number, picture in enumerate(small):
        picture.pts, picture.time_base = number, Fraction(1, 25)
        graph.push(picture)
    graph.push(None)
    whole = graph.pull()
    with av.open(str(part), "w", format="image2", options={"update": "1"}) as output:
        stream = output.add_stream("mjpeg", rate=25, options={"qscale": "4"})
        stream.width, stream.height, stream.pix_fmt = whole.width, whole.height, "yuvj420p"
        whole.pts, whole.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(whole))
        output.mux(stream.encode(None))


def _middle(path: Path) -> Any:
    """Return the picture in the middle of a film, or its last one."""
    import av

    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        half = float(film.duration or 0) / 2 / 1_000_000
        found = None
        for frame in film.decode(stream):
            found = frame
            if frame.time is not None and frame.time >= half:
                break
        if found is None:
            raise JobError(f"{path.name} shows nothing.")
        return found


def _scaled(picture: Any, width: int, height: int) -> Any:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format.name, time_base=Fraction(1, 25)
    )
    steps = [
        graph.add("scale", f"{width}:{height}:force_original_aspect_ratio=decrease"),
        graph.add("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2"),
        graph.add("setsar", "1"),
        graph.add("format", "pix_fmts=yuvj420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(source, *steps).configure()
    picture.pts = 0
    graph.push(picture)
    graph.push(None)
    return graph.pull()
