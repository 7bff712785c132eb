"""Whatever comes to the paths of films, the answer is a proper one or a 4xx in the client's form."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.engine.video.world import picture
from tests.server.films import made, order
from tests.server.running import TOKEN, Log, Running
from tests.server.test_fuzz import values
from ve_magics.dialects.videos.forms import FormPart, encode_form

NAMES = (
    "prompt",
    "model",
    "seconds",
    "size",
    "seed",
    "n",
    "negative_prompt",
    "input_reference",
    "image",
    "images",
)
MORE = (
    "duration",
    "width",
    "height",
    "aspect_ratio",
    "resolution",
    "response_format",
    "quality",
    "\ud800",
    "",
)
PATHS = ("/v1/videos", "/v1/video/generations")
SLOW = settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Log, str]]:
    """Serve the simulator and one film, and keep all that is logged."""
    log = Log()
    logging.getLogger().addHandler(log)
    with Running(tmp_path_factory.mktemp("served"), "[prices]\n", body_limit=1 << 20) as server:
        name = order(server).json["id"]
        made(server, name)
        yield server, log, name
    logging.getLogger().removeHandler(log)


def proper(server: Running, log: Log, path: str, body: bytes | None, **more: Any) -> Any:
    """Ask, and hold what holds for every answer; returns it."""
    reply = server(path, body, **more)
    assert reply.status < 500, (reply.body, log.lines[-3:])
    assert b"Traceback" not in reply.body
    assert TOKEN.encode() not in reply.body
    assert not [line for line in log.lines if line.startswith(("ve_magics.server", "uvicorn"))]
    if reply.status >= 400 and reply.body:
        told = reply.json
        flat = "/v1/video/generations" in path and "error" not in told
        assert told["message"] if flat else told["error"]["message"]
    return reply


bodies = st.dictionaries(
    st.sampled_from(NAMES + MORE),
    values
    | st.sampled_from(["sim/film", "1", "128x128", "99999x1", "1e400", "nan", "data:image/png;base64,AAAA"]),
    max_size=6,
)


@SLOW
@given(st.sampled_from(PATHS), bodies | values | st.binary(max_size=100))
@example(PATHS[0], b'{"prompt": "x", "a": ' + b"[" * 100_000)
@example(PATHS[1], b'{"prompt": "\xff\xfe"}')
@example(PATHS[0], {"prompt": "x", "model": "sim/film\r\nset-cookie: a=b"})
@example(PATHS[0], {"prompt": "\ud800", "model": "sim/film"})
def test_any_json(served: tuple[Running, Log, str], path: str, body: Any) -> None:
    """A body that isn't right is the client's mistake, and never ours."""
    server, log, _ = served
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    proper(server, log, path, data)


@SLOW
@given(
    st.sampled_from(PATHS),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES) | st.text(max_size=10),
            st.binary(max_size=30) | st.sampled_from([b"1", b"128x128", b"sim/film", b"A fox", picture()]),
            st.sampled_from(["", "a.png", "../../etc/passwd", '"\r\n']),
            st.sampled_from(["", "image/png", "text/html", "image/png\nx: y", "application/octet-stream"]),
        ),
        max_size=6,
    ),
    st.integers(0, 60),
    st.sampled_from(
        ["", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=no"]
    ),
)
def test_any_form(
    served: tuple[Running, Log, str], path: str, rows: list[tuple[str, bytes, str, str]], cut: int, kind: str
) -> None:
    """A form that is cut off, without its boundary, or full of anything is refused, or filmed."""
    server, log, _ = served
    right, data = encode_form([FormPart(*row) for row in rows])
    body = data[: -cut or None]
    proper(server, log, path, body, headers={"content-type": kind or right})


@SLOW
@given(
    st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT", "OPTIONS"]),
    st.sampled_from(
        ["/v1/videos/{}", "/v1/videos/{}/content", "/v1/videos/{}/remix", "/v1/video/generations/{}"]
    ),
    st.text(max_size=20)
    | st.sampled_from(["..", "../../server-token", "%2e%2e", "\0", "video_\ud800", "x" * 3000]),
)
def test_any_name(served: tuple[Running, Log, str], method: str, path: str, name: str) -> None:
    """No name leads out of the holder's own films, whatever is in it."""
    server, log, own = served
    if name == own:
        return
    shown = path.format(quote(name.encode("utf-8", "surrogatepass"), safe=""))
    reply = proper(server, log, shown, b"{}" if method in ("POST", "PUT") else None, method=method)
    assert reply.status in (204, 400, 404, 405) or (reply.status == 200 and not name.strip("/."))


@SLOW
@given(
    st.sampled_from(["range", "if-range", "if-none-match", "host", "idempotency-key", "content-type"]),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
    | st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}(,[0-9]-)?", fullmatch=True),
    st.sampled_from(["", "?variant=video", "?variant=thumbnail", "?variant=%00", "?variant=&variant=../x"]),
)
def test_any_header(served: tuple[Running, Log, str], name: str, value: str, query: str) -> None:
    """A header that means nothing changes nothing, or is refused."""
    server, log, own = served
    reply = proper(server, log, f"/v1/videos/{own}/content{query}", None, headers={name: value})
    assert reply.status in (200, 206, 304, 400, 416)


@SLOW
@given(
    st.dictionaries(
        st.sampled_from(["after", "limit", "order", "x"]),
        st.text(max_size=10) | st.sampled_from(["1", "0", "-1", "101", "asc", "desc", "9" * 5000]),
        max_size=4,
    )
)
def test_any_list(served: tuple[Running, Log, str], query: dict[str, str]) -> None:
    """A part of the list that makes no sense is refused by its field's name."""
    server, log, _ = served
    words = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items()
    )
    assert proper(server, log, f"/v1/videos?{words}", None).status in (200, 400, 404)


def test_a_body_that_is_too_large_or_packed(served: tuple[Running, Log, str]) -> None:
    """A huge order is refused before it is read, and a compressed one is not unpacked."""
    server, log, _ = served
    for path in PATHS:
        assert proper(server, log, path, bytes(2 << 20)).status == 413
        packed = proper(server, log, path, b"{}", headers={"content-encoding": "gzip"})
        assert packed.status == 415
