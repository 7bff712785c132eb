"""Who is asked, with which key, and why: precedence of sources, names, defaults, keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ve_magics.engine.config import Config, child_environment
from ve_magics.engine.config_keys import NO_KEY
from ve_magics.engine.keys import Secret
from ve_magics.errors import ConfigError, MissingKeyError, UnknownModelError
from ve_magics.routing import Target


def config(folder: Path, toml: str = "", beside: str = "", environ: Mapping[str, str] = {}) -> Config:
    """Return a configuration from the user's file, one beside the notebook, and an environment."""
    own = folder / "own.toml"
    own.write_text(toml, "utf-8")
    notebooks = folder / "notebooks"
    notebooks.mkdir(exist_ok=True)
    if beside:
        (notebooks / "ve_magics.toml").write_text(beside, "utf-8")
    return Config(environ={"VE_CONFIG": str(own), **environ}, directory=notebooks)


def test_without_anything_the_simulator_answers_and_says_so(tmp_path: Path) -> None:
    """With no configuration and no key, every kind is simulated, with the reason."""
    bare = Config(environ={}, directory=tmp_path)
    for kind, model in {
        "chat": "sim/tutor",
        "video": "sim/film",
        "embed": "sim/embed",
        "image": "sim/image",
        "rerank": "sim/rerank",
    }.items():
        chosen = bare.default(kind)
        assert chosen.model == model
        assert "simulator" in chosen.why
    assert bare.read_from == []


def test_the_stronger_source_wins_and_is_named(tmp_path: Path) -> None:
    """`%ve use`, then the file beside the notebook, then the user's own, then the environment; each says so."""
    key = {"OPENAI_API_KEY": "sk-of-openai-1234"}
    by_key = config(tmp_path, environ=key).default("chat")
    assert (by_key.model, by_key.why) == ("openai/gpt-5.4-mini", "OPENAI_API_KEY is set")
    own = '[defaults]\nchat = "deepseek/deepseek-chat"\n'
    by_file = config(tmp_path, own, environ=key).default("chat")
    assert by_file.model == "deepseek/deepseek-chat"
    assert by_file.why.endswith("own.toml")
    both = config(tmp_path, own, '[defaults]\nchat = "sim/thinker"\n', key)
    assert both.default("chat").why == "ve_magics.toml beside the notebook"
    both.use("chat", "mistral/mistral-small-latest")
    assert both.default("chat") == type(by_key)("mistral/mistral-small-latest", "%ve use")
    assert [path.name for path in both.read_from] == ["own.toml", "ve_magics.toml"]


def test_embeddings_follow_the_keys_as_well(tmp_path: Path) -> None:
    """A key is enough to choose a provider for every kind that it serves."""
    keyed = config(tmp_path, environ={"GEMINI_API_KEY": "AIza-of-google-1"})
    assert keyed.default("embed").model == "google/gemini-embedding-001"
    assert keyed.default("rerank").model == "sim/rerank"


@pytest.mark.parametrize(
    ("section", "beside"),
    [
        ("providers", '[providers.openai]\nbase_url = "https://evil.test/v1"\n'),
        ("providers", '[providers.mine]\nbase_url = "https://evil.test/v1"\nkey = "env:OPENAI_API_KEY"\n'),
        ("prices", '[prices."openai/gpt-6-astra"]\ninput = 0\noutput = 0\n'),
        ("budget", "[budget]\nnotebook = 1000000\n"),
    ],
)
def test_a_file_beside_the_notebook_cannot_redirect_a_key(tmp_path: Path, section: str, beside: str) -> None:
    """What came with a notebook can't add or change a provider, a price or a budget; the error says where one can."""
    with pytest.raises(ConfigError, match=rf"may not set \[{section}\]"):
        config(tmp_path, beside=beside, environ={"OPENAI_API_KEY": "sk-1234567890"})


@pytest.mark.parametrize(
    "table", ['[aliases]\n"sim/tutor" = "openai/x"\n', '[routes."openai/x"]\ntargets = ["sim/tutor"]\n']
)
def test_a_file_beside_the_notebook_cannot_change_what_a_full_name_means(tmp_path: Path, table: str) -> None:
    """`provider/model` typed by the user means that, whatever came with the notebook."""
    with pytest.raises(ConfigError, match="may not say what"):
        config(tmp_path, beside=table)


def test_a_file_beside_the_notebook_chooses_models_and_patience(tmp_path: Path) -> None:
    """It may set defaults, aliases, routes and deadlines, over those of the user's own file."""
    beside = '[aliases]\nquick = "sim/tutor"\n[routes.r]\ntargets = ["quick", "sim/thinker"]\n[deadlines]\ntotal = 5\n'
    both = config(tmp_path, '[aliases]\nquick = "openai/x"\n[deadlines]\ntotal = 9\nconnect = 2\n', beside)
    assert both.route("r").targets == (Target("sim", "tutor"), Target("sim", "thinker"))
    assert (both.deadlines.total, both.deadlines.connect) == (5, 2)


def test_the_users_own_file_is_trusted_wherever_it_lies(tmp_path: Path) -> None:
    """Where `VE_CONFIG` names the very file beside the notebook, it is the user's own."""
    path = tmp_path / "ve_magics.toml"
    path.write_text('[providers.mine]\nbase_url = "https://mine.test/v1"\n', "utf-8")
    own = Config(environ={"VE_CONFIG": str(path)}, directory=tmp_path)
    assert own.provider("mine").host == "mine.test"
    assert own.read_from == [path]


def test_a_configuration_that_is_named_must_exist(tmp_path: Path) -> None:
    """`VE_CONFIG` that names no file is an error, and so is one that names a folder."""
    for name in ("nothing.toml", "."):
        with pytest.raises(ConfigError, match="not a file"):
            Config(environ={"VE_CONFIG": str(tmp_path / name)})


def test_names_resolve_through_aliases_and_routes(tmp_path: Path) -> None:
    """An alias may name an alias, a route or a model; a target of a route may be an alias; retired names live on."""
    own = config(
        tmp_path,
        """
        [aliases]
        a = "b"
        b = "r"
        mini = "sim/tutor"
        "openai/gpt-4" = "openai/gpt-5.4"
        [routes.r]
        targets = ["mini", "sim/thinker"]
        policy = "cheapest"
        weights = [1, 2]
        retries = 1
        midstream = "continue"
        """,
    )
    route = own.route("a")
    assert route.name == "r"
    assert route.targets == (Target("sim", "tutor"), Target("sim", "thinker"))
    assert (route.policy, route.weights, route.retries) == ("cheapest", (1, 2), 1)
    assert route.prices == (0.0, 0.0)
    assert own.route("a") is route
    assert own.route("openai/gpt-4").targets == (Target("openai", "gpt-5.4"),)
    assert own.midstream("a") == "continue"
    assert own.midstream("sim/tutor") == "restart"
    assert {"r", "a", "mini"} <= set(own.names())


@pytest.mark.parametrize(
    ("toml", "asked", "message"),
    [
        ('[aliases]\na = "b"\nb = "a"\n', "a", "leads in a circle: a → b → a"),
        ('[aliases]\na = "a"\n', "a", "circle"),
        ('[aliases]\na = "b"\nb = "a"\n[routes.r]\ntargets = ["a"]\n', "r", "circle"),
        ("[routes.r]\ntargets = []\n", "r", "no targets"),
        ('[routes.r]\ntargets = ["s"]\n[routes.s]\ntargets = ["sim/tutor"]\n', "r", "names the route 's'"),
        ('[routes.r]\ntargets = ["sim/tutor", "sim/tutor"]\n', "r", "twice"),
        ('[routes.r]\ntargets = ["sim/tutor"]\nweights = [1, 2]\n', "r", "weights"),
    ],
)
def test_routes_that_lead_nowhere_are_errors(tmp_path: Path, toml: str, asked: str, message: str) -> None:
    """Circles, empty routes and nested ones are told when they are asked for."""
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, toml).route(asked)


def test_an_unknown_model_tells_the_nearest_names(tmp_path: Path) -> None:
    """Whoever mistypes a name is told the living ones that look like it."""
    keyed = config(tmp_path, environ={"ANTHROPIC_API_KEY": "sk-ant-12345678"})
    with pytest.raises(UnknownModelError) as caught:
        keyed.route("clade-haiku-5-5")
    assert caught.value.nearest[0] == "anthropic/claude-haiku-5-5"
    with pytest.raises(UnknownModelError, match="Name it provider/model"):
        keyed.route("zzzzzz")
    with pytest.raises(UnknownModelError, match="Did you mean openai"):
        keyed.provider("opnai")
    with pytest.raises(UnknownModelError, match="Known:"):
        keyed.provider("qqqqqqqq")


def test_a_bare_name_finds_whoever_serves_it_and_has_a_key(tmp_path: Path) -> None:
    """The maker first, then others who serve the family; without any key it says which one to set."""
    assert config(tmp_path, environ={"VECTORENGINE_API_KEY": "sk-12345678"}).route("gpt-5.4").targets == (
        Target("vectorengine", "gpt-5.4"),
    )
    both = config(tmp_path, environ={"VECTORENGINE_API_KEY": "sk-1", "OPENAI_API_KEY": "sk-2"})
    assert both.route("gpt-5.4").targets == (Target("openai", "gpt-5.4"),)
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        config(tmp_path).route("gpt-5.4")


def test_a_route_stands_although_a_member_has_no_key(tmp_path: Path) -> None:
    """Bare names in a route take whoever is usable, and the maker where nobody is: the others can still answer."""
    own = config(tmp_path, '[routes.r]\ntargets = ["gpt-5.4", "sim/tutor"]\n')
    assert own.route("r").targets[0] == Target("openai", "gpt-5.4")
    with pytest.raises(UnknownModelError):
        config(tmp_path, '[routes.r]\ntargets = ["nonsense-model"]\n').route("r")


def test_keys_come_from_where_the_user_said(tmp_path: Path) -> None:
    """What was typed wins over the file's row, and a row over the well-known variable."""
    environ = {"DEEPSEEK_API_KEY": " sk-env \n", "MINE": "sk-mine", "TWO": "sk-two"}
    plain = config(tmp_path, environ=environ)
    assert (plain.key("deepseek").reveal(), plain.key("deepseek").source) == ("sk-env", "DEEPSEEK_API_KEY")
    row = config(tmp_path, '[providers.deepseek]\nkey = "env:MINE"\n', environ=environ)
    assert row.key("deepseek").reveal() == "sk-mine"
    pool = config(
        tmp_path, '[providers.deepseek]\nkeys = ["env:MINE", "env:NONE", "env:TWO"]\n', environ=environ
    )
    assert [key.reveal() for key in pool.keys("deepseek")] == ["sk-mine", "sk-two"]
    assert pool.key("deepseek", 3).reveal() == "sk-two"
    assert pool.pooled("deepseek")
    heard: list[tuple[str, int]] = []
    pool.on_key(lambda provider, count: heard.append((provider, count)))
    pool.hold_key("deepseek", "sk-typed")
    assert [key.reveal() for key in pool.keys("deepseek")] == ["sk-typed"]
    assert heard == [("deepseek", 1)]
    assert not pool.pooled("deepseek")


def test_a_missing_key_says_which_variable_to_set(tmp_path: Path) -> None:
    """The hint names the variable of the row, or the well-known one, and the magic; keyless providers need none."""
    own = config(
        tmp_path, '[providers.deepseek]\nkey = "env:MINE"\n[providers.x]\nbase_url = "https://x.test"\n'
    )
    for name, hint in {"deepseek": "Set MINE", "openai": "Set OPENAI_API_KEY", "x": "Set X_API_KEY"}.items():
        with pytest.raises(MissingKeyError) as caught:
            own.key(name)
        assert hint in caught.value.hint
        assert f"%ve key {name}" in caught.value.hint
    assert own.key("ollama") is NO_KEY
    assert own.usable("sim")
    assert not own.usable("openai")


def test_a_key_with_a_line_break_is_refused_without_being_shown(tmp_path: Path) -> None:
    """A key that no header can carry is an error that names where it came from."""
    own = config(tmp_path, environ={"OPENAI_API_KEY": "sk-canary\nsecond"})
    with pytest.raises(ConfigError) as caught:
        own.key("openai")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert own.keys("openai") == ()
    assert own.default("chat").model == "sim/tutor"
    assert own.redactor.text("x") == "x"


def test_the_keyring_is_asked_once_and_only_where_it_may_help(tmp_path: Path) -> None:
    """A row that says `keyring` is read once; otherwise it is asked where nothing else is known."""
    asked: list[str] = []

    def keyring(name: str) -> Secret | None:
        asked.append(name)
        return Secret("sk-from-ring", "the system keyring") if name in ("deepseek", "openai") else None

    path = tmp_path / "c.toml"
    path.write_text('[providers.deepseek]\nkey = "keyring"\n', "utf-8")
    own = Config(environ={"VE_CONFIG": str(path)}, keyring=keyring)
    assert asked == []
    assert own.key("deepseek").reveal() == own.keys("deepseek")[0].reveal() == "sk-from-ring"
    assert own.default("chat").model == "deepseek/deepseek-chat"
    assert own.key("openai").reveal() == "sk-from-ring"
    with pytest.raises(MissingKeyError):
        own.key("mistral")
    assert asked == ["deepseek", "openai", "mistral"]


def test_a_keyring_that_cannot_be_asked_spoils_nothing_else(tmp_path: Path) -> None:
    """Its provider alone is unusable, and asking it says why."""

    def broken(name: str) -> Secret | None:
        raise ConfigError("The system keyring can't be used here: Locked.", hint="Unlock it.")

    path = tmp_path / "c.toml"
    path.write_text('[providers.deepseek]\nkey = "keyring"\n', "utf-8")
    own = Config(environ={"VE_CONFIG": str(path)}, keyring=broken)
    assert own.default("chat").model == "sim/tutor"
    assert not own.usable("deepseek")
    with pytest.raises(MissingKeyError, match="Locked"):
        own.key("deepseek")
    with pytest.raises(MissingKeyError, match="No key for openai"):
        own.key("openai")


def test_prices_of_the_user_win_and_local_servers_are_free(tmp_path: Path) -> None:
    """`[prices]` beats the catalog; what runs on the user's own machine costs nothing; the rest may be unknown."""
    own = config(tmp_path, '[prices."openai/gpt-6-astra"]\ninput = 1\noutput = 2\n')
    price = own.price(Target("openai", "gpt-6-astra"))
    assert price is not None
    assert (price.input, price.output) == (1, 2)
    local = own.price(Target("ollama", "anything"))
    assert local is not None
    assert local.input == 0
    assert own.price(Target("vectorengine", "no-such-model")) is None
    cheap = config(
        tmp_path,
        '[routes.r]\ntargets = ["vectorengine/zz", "openai/gpt-6-luna"]\npolicy = "cheapest"\n',
    )
    unknown, known = cheap.route("r").prices
    assert unknown is None
    assert known == pytest.approx(0.8)


def test_limits_of_concurrency_are_read(tmp_path: Path) -> None:
    """What the user set is told, and nothing else."""
    assert config(tmp_path, "[providers.openai]\nconcurrency = 3\n").concurrency == {"openai": 3}


@pytest.mark.parametrize("mode", ["", "off", "auto", "record", "replay", "REPLAY"])
def test_recording_modes(mode: str) -> None:
    """`VE_RECORDING` is one of four words, in any case, or nothing."""
    assert Config(environ={"VE_RECORDING": mode}).recording_mode == mode.lower()


def test_another_recording_mode_is_an_error() -> None:
    """A word that is none of them is told with those that are."""
    with pytest.raises(ConfigError, match="off, auto, record or replay"):
        _ = Config(environ={"VE_RECORDING": "rec"}).recording_mode


def test_the_notebook_is_named_by_the_environment(tmp_path: Path) -> None:
    """`VE_NOTEBOOK`, or what Jupyter Server tells its kernels, names the notebook in the folder."""
    for variable in ("VE_NOTEBOOK", "JPY_SESSION_NAME"):
        assert Config(environ={variable: "/else/where/a.ipynb"}).notebook(tmp_path) == tmp_path / "a.ipynb"
    assert Config(environ={"JPY_SESSION_NAME": "console-1"}).notebook(tmp_path) is None


def test_an_endpoint_of_the_callers_own_gets_the_callers_key_alone(tmp_path: Path) -> None:
    """An address that nobody knows gets the key that was given with it, and none where none was given."""
    base = config(tmp_path, environ={"OPENAI_API_KEY": "sk-of-openai"})
    mine, name = base.with_endpoint("https://mine.test/v1/", "sk-mine", "chat_completions")
    assert mine.provider(name).base_url == "https://mine.test/v1"
    assert mine.key(name).reveal() == "sk-mine"
    bare, other = base.with_endpoint("http://openai/v1", "", "chat_completions")
    assert other != "openai"
    assert bare.provider(other).auth == "none"
    assert bare.key("openai").reveal() == "sk-of-openai"
    assert name not in base.providers
    taken, longer = mine.with_endpoint("https://third.test/v1", "sk-3", "chat_completions")
    assert longer != name
    assert taken.key(name).reveal() == "sk-mine"
    with pytest.raises(ConfigError):
        base.with_endpoint("not an address", "", "chat_completions")


def test_an_endpoint_that_is_known_keeps_its_name_and_key(tmp_path: Path) -> None:
    """The well-known address of a provider is that provider, with its own key where none is given."""
    base = config(tmp_path, environ={"DEEPSEEK_API_KEY": "sk-of-deepseek"})
    same, name = base.with_endpoint("https://api.deepseek.com", "", "chat_completions")
    assert (name, same.key(name).reveal()) == ("deepseek", "sk-of-deepseek")
    versioned, name = base.with_endpoint("https://api.deepseek.com/v1", "sk-given", "chat_completions")
    assert (name, versioned.key(name).reveal()) == ("deepseek", "sk-given")
    assert base.key("deepseek").reveal() == "sk-of-deepseek"


def test_a_well_known_host_without_tls_is_not_trusted_with_the_key(tmp_path: Path) -> None:
    """`http` at a provider's host is another address: its key does not go there."""
    base = config(tmp_path, environ={"DEEPSEEK_API_KEY": "sk-of-deepseek"})
    plain, name = base.with_endpoint("http://api.deepseek.com", "", "chat_completions")
    assert plain.provider(name).auth == "none"
    assert not plain.key(name)


def test_the_environment_is_the_processes_own_where_none_is_given() -> None:
    """A child gets it with the changes that are wanted."""
    assert child_environment(VE_X="1") == {**os.environ, "VE_X": "1"}
    assert Config().path.name == "config.toml"


def test_names_that_are_asked_for_fill_no_memory(tmp_path: Path) -> None:
    """However many models are asked for, each finds its route, and only so many routes are remembered."""
    from ve_magics.engine.config_routes import REMEMBERED

    config = Config(environ={"OPENAI_API_KEY": "k"}, directory=tmp_path)
    for number in range(REMEMBERED + 10):
        assert config.route(f"openai/m{number}").targets[0].model == f"m{number}"
    assert len(config._routes._found) <= REMEMBERED
