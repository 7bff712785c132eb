"""What is counted can be read by Prometheus, and no client makes it grow without end."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.engine.scripted import Provider, fails
from tests.server.running import Running, provider_rows
from ve_magics.server.metrics import OTHERS, STRANGERS, Metrics


def test_names_without_end_are_counted_together(tmp_path: Path) -> None:
    """A client that asks for ever new models makes so many labels and no more; targets of the configuration stay."""
    rows = provider_rows({"a": "chat_completions"}) + '[routes.fast]\ntargets = ["a/own", "sim/tutor"]\n'
    with Running(tmp_path, rows, {"a.test": Provider(fails(404, "model_not_found"))}) as server:
        for number in range(STRANGERS + 50):
            assert server.chat(f'a/m{number}"\\\n').status == 404
        assert server.chat("a/" + "m" * 1000).status == 404
        assert server.chat("fast").status == 200
        assert server.chat("sim/tutor").status == 200
        text = server("/metrics").body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    attempts = families["ve_attempts"].samples
    assert len(attempts) <= STRANGERS + 3
    counted = {sample.labels["target"]: sample.value for sample in attempts}
    assert counted[OTHERS] >= 50
    assert counted["sim/tutor"] == 2
    assert sum(sample.value for sample in attempts) == STRANGERS + 54
    for family in families.values():
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(series) == len(set(series)), family.name
        assert len(series) < 3 * STRANGERS


def test_the_configurations_targets_are_no_strangers() -> None:
    """Names that are known from the beginning take nobody's place."""
    metrics = Metrics(["a/m", "b/m"])
    named = [metrics._name(f"x/{number}") for number in range(STRANGERS + 1)]
    assert named[-2:] == [f"x/{STRANGERS - 1}", OTHERS]
    assert metrics._name("b/m") == "b/m"
