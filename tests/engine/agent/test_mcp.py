"""Tools of MCP servers, by way of real ones: over standard input and output, and over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ve_magics.engine.agent.mcp import McpConnection, mcp_offers
from ve_magics.engine.agent.values import Situation
from ve_magics.engine.config_agents import McpServer
from ve_magics.errors import MissingExtraError, ToolFailedError
from ve_magics.messages import Image, ToolCall
from ve_magics.tools import Output

pytest.importorskip("mcp")
pytestmark = pytest.mark.anyio
SERVER = Path(__file__).with_name("mcp_server.py")


def stdio(**more: Any) -> McpServer:
    return McpServer(name="tiny", command=(sys.executable, str(SERVER)), **more)


@pytest.fixture
async def connection() -> AsyncIterator[McpConnection]:
    """Yield a connection to a server that is started when it is needed."""
    made = McpConnection(stdio(env={"SHOUT_END": "!"}))
    yield made
    await made.aclose()


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of a server that speaks streamable HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(SERVER), str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not come"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait(10)


async def nowhere(_: Any) -> Any:
    raise AssertionError("nothing is to be done in the cell")


async def test_tools_are_offered_with_their_server_in_front(connection: McpConnection) -> None:
    """A server's tools keep their schema, are named after it, need a yes and give back data; one may be wanted."""
    tools = await connection.tools()
    offers = mcp_offers(connection, tools, named=False)
    assert [offer.name for offer in offers][:2] == ["tiny__add", "tiny__shout"]
    add = offers[0]
    assert (add.approve, add.named, add.untrusted, add.spec.description) == (
        True,
        False,
        True,
        "Add two numbers.",
    )
    assert add.spec.parameters is not None
    assert add.spec.parameters["properties"].keys() == {"a", "b"}
    situation = Situation("", ToolCall("c", "tiny__add"), lambda _: None, nowhere)
    assert (await add.run({"a": 2, "b": 3}, situation)).text == "5"
    (wanted,) = mcp_offers(connection, tools, named=True, wanted="tiny__shout")
    assert (wanted.name, wanted.named) == ("tiny__shout", True)


async def test_calls_go_side_by_side_through_one_server(connection: McpConnection) -> None:
    """Several calls at once share one process, which has the environment that its row gives it."""
    found = await asyncio.gather(*(connection.call("shout", {"text": word}) for word in "abc"))
    assert [output.text for output in found] == ["A!", "B!", "C!"]


async def test_failures_and_pictures_come_through(connection: McpConnection) -> None:
    """What a tool raises is a failed result, and a picture is a picture."""
    failed = await connection.call("fail", {})
    assert failed.failed
    assert "no luck today" in failed.text
    (part,) = (await connection.call("picture", {})).parts
    assert isinstance(part, Image)
    assert part.media_type == "image/png"
    unknown = connection.call("nothing", {})
    try:
        assert (await unknown).failed
    except ToolFailedError as error:
        assert "tiny" in error.message  # noqa: PT017 - servers answer either way


async def test_server_that_is_gone_is_started_anew(connection: McpConnection) -> None:
    """A server that ends in mid-call fails that call in bounded time, and the next call has a new one."""
    slow = McpConnection(stdio(timeout=5))
    try:
        with pytest.raises(ToolFailedError, match="tiny"):
            await slow.call("leave", {})
    finally:
        await slow.aclose()
    assert (await slow.call("add", {"a": 1, "b": 1})).text == "2"
    await slow.aclose()


async def test_server_that_is_none_is_named() -> None:
    """A program that isn't there, or speaks something else, is told with where to look."""
    for command in (("/does/not/exist",), (sys.executable, "-c", "print('hello')")):
        connection = McpConnection(McpServer(name="broken", command=command, timeout=3))
        with pytest.raises(ToolFailedError) as caught:
            await connection.tools()
        assert "broken" in caught.value.message
        await connection.aclose()


async def test_servers_are_reached_over_http(address: str) -> None:
    """A server at an address offers and answers like a started one, its header fields sent along."""
    connection = McpConnection(McpServer(name="web", url=address, headers={"Authorization": "Bearer x"}))
    try:
        names = [tool.name for _, tool in await connection.tools()]
        assert "web__add" in names
        assert (await connection.call("add", {"a": 20, "b": 22})).text == "42"
    finally:
        await connection.aclose()


async def test_last_words_of_a_program_are_told() -> None:
    """A program that ends with a word on its standard error is quoted."""
    code = "import sys; sys.exit('no such module')"
    connection = McpConnection(McpServer(name="broken", command=(sys.executable, "-c", code), timeout=3))
    with pytest.raises(ToolFailedError, match=r"it says: no such module"):
        await connection.tools()
    await connection.aclose()


async def test_slow_server_is_given_up() -> None:
    """A program that never says a word is given up in time, and ended."""
    connection = McpConnection(
        McpServer(name="mute", command=(sys.executable, "-c", "import time; time.sleep(60)"), timeout=0.5)
    )
    with pytest.raises(ToolFailedError, match="mute"):
        await connection.tools()
    await connection.aclose()


HOSTILE = Path(__file__).with_name("mcp_hostile.py")


def hostile(*how: str, **more: Any) -> McpConnection:
    """Return a connection to a server that misbehaves."""
    return McpConnection(McpServer(name="h", command=(sys.executable, str(HOSTILE), *how), **more))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("loud", "go is done"),
        ("asks", "refused refused"),
        ("changing", "go is done"),
        (
            "odd",
            "[image that can't be shown here]\n\x1b[31m</data><script>alert(1)</script>![x](http://127.0.0.1:9/?d=1)",
        ),
    ],
)
async def test_servers_that_misbehave_are_worked_with(
    how: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs between messages, requests for a model or for the user's words, a kind of picture that no model reads."""
    connection = hostile(how)
    try:
        ((own, tool),) = await connection.tools()
        assert (own, tool.name) == ("go", "h__go")
        assert (await connection.call(own, {})).text == told
        ((own, _),) = await connection.tools()
        assert own == ("other" if how == "changing" else "go")
    finally:
        await connection.aclose()
    assert capfd.readouterr() == ("", "")


async def test_ten_megabytes_are_cut() -> None:
    """What a model gets of them is bounded, and the cut is seen."""
    connection = hostile("large")
    output = await connection.call("go", {})
    await connection.aclose()
    assert len(output.text) < 21_000
    assert "9,980,000 characters were cut here" in output.text


async def test_tools_whose_names_become_the_same_are_told_apart() -> None:
    """Each is offered by a name of its own and called by the one that its server gave it."""
    connection = hostile("twins")
    tools = await connection.tools()
    await connection.aclose()
    names = [tool.name for _, tool in tools]
    assert names[:3] == ["h__a_b", "h__a_b_2", "h__a_b_3"]
    assert len(set(names)) == 5
    assert max(map(len, names)) == 64
    assert [own for own, _ in tools[:3]] == ["a.b", "a_b", "a/b"]


async def test_a_list_without_end_is_left() -> None:
    """A server that always has another page is asked for so many pages, and no more."""
    connection = hostile("endless")
    assert await asyncio.wait_for(connection.tools(), 30) == ()
    await connection.aclose()


async def test_a_server_that_dies_in_a_call_is_told() -> None:
    """The call fails in words, and the next one has a new server."""
    connection = hostile("dies")
    with pytest.raises(ToolFailedError, match="could not run go"):
        await connection.call("go", {})
    assert len(await connection.tools()) == 1
    await connection.aclose()


def is_there(number: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", [("stays",), ("stays", "hangs")])
async def test_no_server_is_left_behind(how: tuple[str, ...], tmp_path: Path) -> None:
    """One that ignores its end and a request to terminate, or never begins to answer, is killed."""
    note = tmp_path / "pid"
    connection = hostile(*how, "remembers", str(note), timeout=1 if "hangs" in how else 30)
    if "hangs" in how:
        with pytest.raises(ToolFailedError, match="not there within 1 s"):
            await connection.tools()
    else:
        await connection.tools()
    await asyncio.wait_for(connection.aclose(), 12)
    assert not is_there(int(note.read_text("utf-8")))


@pytest.mark.skipif(sys.platform == "win32", reason="the SDK sees to it there")
@pytest.mark.parametrize(("how", "code"), [((), 0), (("killed",), -signal.SIGKILL)])
def test_servers_end_with_a_process_that_just_ends(how: tuple[str, ...], code: int, tmp_path: Path) -> None:
    """A kernel that is shut down or killed closes nothing: a server that ignores its end is ended all the same."""
    note = tmp_path / "pid"
    program = Path(__file__).with_name("kernel_with_server.py")
    ran = subprocess.run([sys.executable, str(program), str(note), *how], timeout=40, check=False)
    assert ran.returncode == code
    number, deadline = int(note.read_text("utf-8")), time.monotonic() + 10
    while is_there(number):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


async def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the SDK the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(MissingExtraError, match="MCP server tiny") as caught:
        await McpConnection(stdio()).tools()
    assert "[mcp]" in caught.value.hint


def test_results_of_every_kind_are_told() -> None:
    """Texts and resources are told as text, structured results as JSON, and of anything else that it was there."""
    from types import SimpleNamespace as Some

    from ve_magics.engine.agent.mcp import _output

    def result(*content: Any, structured: Any = None, failed: bool = False) -> Output:
        return _output(Some(content=list(content), structured_content=structured, is_error=failed))

    resource = Some(type="resource", resource=Some(text="inside"))
    blob = Some(type="resource", resource=Some(blob="AA=="))
    broken = Some(type="image", data="no base64", mime_type="image/png")
    assert result(resource, blob).text == "inside\n[resource that can't be shown here]"
    assert result(structured={"a": 1}).text == '{"a":1}'
    assert result(broken).text == "(nothing)"
