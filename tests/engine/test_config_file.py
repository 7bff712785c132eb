"""The configuration file: every way in which it can be bad has an error that says what to mend."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ve_magics.catalog import Price
from ve_magics.engine.config_file import (
    LARGEST,
    BudgetRow,
    ConfigFile,
    DeadlinesRow,
    DefaultsRow,
    ProviderRow,
    RouteRow,
    config_path,
    home,
    provider_of,
    read_file,
)
from ve_magics.errors import ConfigError
from ve_magics.providers import Quirks

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"


def read(folder: Path, toml: str | bytes, *, trusted: bool = True) -> ConfigFile:
    """Write a file and read it, with the providers that its rows make."""
    path = folder / "config.toml"
    path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    file = read_file(path, trusted=trusted)
    for name, row in file.providers.items():
        provider_of(name, row)
    return file


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[defaults", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        (b"\xff\xfe", "can't be read: UnicodeDecodeError"),
        ("x = 1", r"unknown section \[x\]"),
        ("[default]\nchat='a'", r"Did you mean \[defaults\]"),
        ("[zzzz]", "Sections are"),
        ("defaults = 3", "Expected `object`"),
        ("[defaults]\nchta = 'x'", "unknown field `chta`"),
        ("[defaults]\nchat = 3", "Expected `str"),
        ("[routes.r]\ntargets = 'a'", "Expected `array`"),
        ("[routes.r]\npolicy = 'ordered'", "missing required field `targets`"),
        ("[routes.r]\ntargets = []\npolicy = 'best'", "Invalid enum value"),
        ("[routes.r]\ntargets = []\nmidstream = 'splice'", "Invalid enum value"),
        ("[deadlines]\ntotal = 0", "> 0"),
        ("[budget]\nnotebook = -1", ">= 0"),
        ("[providers.a]\nconcurrency = 0\nbase_url = 'https://a.test'", ">= 1"),
        ("[providers.mine]\n", "not a known provider and names no base_url"),
        ("[providers.opena]\n", "Did you mean openai"),
        ("[providers.a]\nbase_url = 'a.test/v1'", "not an address"),
        ("[providers.a]\nbase_url = 'ftp://a.test/v1'", "not an address"),
        ("[providers.a]\nbase_url = 'https://a.test:99999/v1'", "not an address"),
        ("[providers.a]\nbase_url = 'https://u:p@a.test/v1'", "more than an address"),
        ("[providers.a]\nbase_url = 'https://a.test/v1?key=x'", "more than an address"),
        ("[providers.openai]\ndialect = 'chat_completion'", "Did you mean chat_completions"),
        ("[providers.openai]\nauth = 'magic'", "Invalid enum value"),
        ("[providers.openai]\nquirks = {max_token_field = 'max_tokens'}", "Did you mean max_tokens_field"),
        ("[providers.openai]\nquirks = {qqq = 1}", "Known: max_tokens_field"),
        ("[providers.'a/b']\nbase_url = 'https://a.test'", "no slash"),
        ("[providers.openai]\nheaders = {Authorization = 'x'}", "may not carry a key"),
        ("[providers.openai]\nquery = {api_key = 'x'}", "may not carry a key"),
    ],
)
def test_bad_files_say_what_to_mend(tmp_path: Path, toml: str | bytes, message: str) -> None:
    """Each fault is a `ConfigError` of a line or two that names the place."""
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, toml)
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize("field", ["key = '{}'", "keys = ['{}']", "key = 'env:{}'"])
def test_a_key_written_into_the_file_is_refused_unseen(tmp_path: Path, field: str) -> None:
    """The key itself does not belong in the file, and the error doesn't repeat it."""
    with pytest.raises(ConfigError, match="not the key itself") as caught:
        read(tmp_path, "[providers.openai]\n" + field.format("sk-canary-123456789"))
    assert "canary" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A folder, a missing file and one that is too large are told by name."""
    for path in (tmp_path, tmp_path / "missing.toml"):
        with pytest.raises(ConfigError, match="can't be read"):
            read_file(path, trusted=True)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_file(large, trusted=True)


def test_an_untrusted_file_is_refused_its_trusted_sections(tmp_path: Path) -> None:
    """The error names the section and the file in which it may stand."""
    with pytest.raises(ConfigError, match="came with the notebook") as caught:
        read(tmp_path, "[budget]\ntotal = 1", trusted=False)
    assert "Only your own file can" in caught.value.hint
    assert read(tmp_path, "[defaults]\nchat = 'a'", trusted=False).defaults.chat == "a"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Files that Notepad wrote are read."""
    assert read(tmp_path, b"\xef\xbb\xbf[defaults]\nchat = 'a'\n").defaults.chat == "a"


def test_a_row_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """What a row leaves out stays as it is known of the provider."""
    file = read(
        tmp_path,
        """
        [providers.openai]
        base_url = "https://proxy.test/v1/"
        headers = {X-Team = "a"}
        query = {Version = "2"}
        quirks = {cache_key = false}
        [providers.my-server]
        base_url = "http://127.0.0.1:9000/v1"
        local = true
        allowed_hosts = ["files.test"]
        """,
    )
    openai = provider_of("openai", file.providers["openai"])
    assert openai.base_url == "https://proxy.test/v1"
    assert openai.headers == (("x-team", "a"),)
    assert openai.query == (("Version", "2"),)
    assert openai.dialect == "responses"
    assert openai.quirks.max_tokens_field == "max_completion_tokens"
    assert not openai.quirks.cache_key
    mine = provider_of("my-server", file.providers["my-server"])
    assert mine.keyless
    assert mine.key_names == ("MY_SERVER_API_KEY",)
    assert mine.allowed_hosts == ("files.test",)


def test_where_files_lie(tmp_path: Path) -> None:
    """`VE_HOME` and `VE_CONFIG` win over the user's own folders; `~` is the home directory."""
    assert home({"VE_HOME": str(tmp_path)}) == tmp_path
    assert home({"VE_HOME": "~/x"}) == Path.home() / "x"
    assert home({}).name == "ve_magics"
    assert config_path({"VE_CONFIG": "~/c.toml"}) == Path.home() / "c.toml"
    assert config_path({}).parts[-2:] == ("ve_magics", "config.toml")
    assert home().is_absolute()
    assert config_path().is_absolute()


def test_another_video_interface_forgets_the_path_of_the_old_one() -> None:
    """A row that names its own video format is asked where it says; a base URL alone keeps the provider's path."""
    region = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
    moved = provider_of("dashscope", ProviderRow(base_url=region))
    assert moved.filming.base_url == "https://dashscope-intl.aliyuncs.com/api/v1"
    other = provider_of("dashscope", ProviderRow(base_url="https://gateway.test/v1", video="openai_videos"))
    assert other.filming.base_url == "https://gateway.test/v1"
    assert provider_of("google", ProviderRow(video="openai_videos")).video_dialect("veo-3") == "openai_videos"
    own = provider_of("dashscope", ProviderRow(video="kling", video_path="/kling"))
    assert own.filming.base_url == "https://dashscope.aliyuncs.com/kling"


def test_a_row_says_which_models_film_in_which_format() -> None:
    """The user's own table replaces the known one; a format that isn't there is named with the nearest."""
    row = ProviderRow(video="video_generations", video_models={"Sora": "openai_videos"})
    own = provider_of("vectorengine", row)
    assert own.video_dialect("sora-2") == "openai_videos"
    assert own.video_dialect("veo3") == "video_generations"
    with pytest.raises(ConfigError, match="unknown video format") as caught:
        provider_of("vectorengine", ProviderRow(video_models={"veo": "unified_video"}))
    assert "unified_videos" in caught.value.hint
    with pytest.raises(ConfigError, match="unknown video format"):
        provider_of("vectorengine", ProviderRow(video="sora"))


@pytest.mark.parametrize(
    "row",
    [DefaultsRow, RouteRow, ProviderRow, Quirks, Price, BudgetRow, DeadlinesRow],
    ids=lambda row: row.__name__,
)
def test_the_manual_names_every_setting(row: type[msgspec.Struct]) -> None:
    """What may stand in the file is told in the manual."""
    words = set(re.findall(r"\w+", MANUAL.read_text("utf-8")))
    assert set(row.__struct_fields__) <= words
