"""The line and the cell of `%%video`, read into a request."""

from __future__ import annotations

import argparse

import msgspec

from ve_magics.errors import ArgumentsError
from ve_magics.jobs import VideoRequest
from ve_magics.magics.flags import add_end, add_film, add_model, add_parameters
from ve_magics.magics.parser import Parser, count, duration

VIDEO_EXAMPLES = """\
examples:
  %%video --seconds 4
  A paper boat drifts down a rainy street.

  %%video vectorengine/sora-2 --size 1280x720 --image first.png -o clip
  The camera pulls back slowly.
"""


def video_parser() -> Parser:
    """Return the parser of `%%video`."""
    parser = Parser(
        "%%video", "Make a video; it plays in the cell and lies beside the notebook.", VIDEO_EXAMPLES
    )
    add = parser.add_argument
    add_model(parser)
    add_film(parser)
    add("--image", metavar="PATH", help="the picture that it begins with: path, URL or variable")
    add("--last", metavar="PATH", help="the picture that it ends with: path, URL or variable")
    add("--remix", metavar="CLIP", help="change this clip: a variable, a file or a job; the cell says how")
    add("--extend", metavar="CLIP", help="go on where this clip ends: a variable, a file or a job")
    add_parameters(parser, "aspect=16:9, resolution=720p, negative_prompt=text")
    add("--count", type=count, default=1, metavar="N", help="so many videos of the same prompt, side by side")
    add("--draft", action="store_true", help="write the director's prompt into the next cell; make nothing")
    add(
        "--background",
        action="store_true",
        help="end the cell at once; the video appears in it when it is made",
    )
    add("--raw", action="store_true", help="take the prompt as it stands, {{ }} included")
    add("--fresh", action="store_true", help="make it again although it is there")
    add(
        "--dry-run",
        action="store_true",
        help="show what would be made and what it would cost, and make nothing",
    )
    add("--timeout", type=duration, metavar="S", help="stop waiting after so many seconds; the job goes on")
    add("--embed", action="store_true", help="put the video into the notebook, up to a size limit")
    add_end(parser, "the clip")
    return parser


_FLAGGED = {"prompt", "model", "first_frame", "last_frame", "remix_of", "extra"}
VIDEO_PARAMETERS = frozenset(VideoRequest.__struct_fields__) - _FLAGGED
"""What `--param` may set by its own name; any other name goes to the provider as it is."""


def video_request(options: argparse.Namespace, prompt: str) -> VideoRequest:
    """Return the request that a `%%video` cell makes, without its model.

    Raises:
        ArgumentsError: The prompt is empty, or a setting has the wrong type.
    """
    if not prompt.strip():
        raise ArgumentsError("The prompt is empty.", hint="Write what is to be seen below the %%video line.")
    return video_settings(options, prompt, seconds=options.seconds)


def video_settings(options: argparse.Namespace, prompt: str, *, seconds: float | None) -> VideoRequest:
    """Return a request with the settings of a line.

    Args:
        options: The parsed line.
        prompt: What is to be filmed.
        seconds: Length; None leaves it to `--param` or the provider.

    Raises:
        ArgumentsError: A setting has the wrong type.
    """
    known = {name: value for name, value in options.param if name in VIDEO_PARAMETERS}
    extra = {name: value for name, value in options.param if name not in VIDEO_PARAMETERS}
    given = {"seconds": seconds, "size": options.size, "seed": options.seed}
    known.update({name: value for name, value in given.items() if value is not None})
    try:
        request = msgspec.convert({"prompt": prompt, **known}, VideoRequest)
    except msgspec.ValidationError as error:
        raise ArgumentsError(f"--param: {error}.", hint="Write it like --param aspect=16:9") from None
    return msgspec.structs.replace(request, extra=extra)
