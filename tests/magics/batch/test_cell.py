"""`%%batch`: the same for every row."""

from __future__ import annotations

import math
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest

from ve_magics.magics.loading import unload
from ve_magics.sim import Settings

SMALL = "--seconds 1 --size 128x128"
PRICED = '[prices."sim/tutor"]\ninput = 1000.0\noutput = 1000.0\n[prices."sim/film"]\nsecond = 0.10\n'


class City(TypedDict):
    """A city."""

    city: str
    country: str


@pytest.fixture
def rows(bench: Any) -> list[dict[str, str]]:
    """Three rows, in the notebook."""
    rows = [{"name": "Paris"}, {"name": "Rome"}, {"name": "Oslo"}]
    bench.shell.user_ns.update(rows=rows, City=City)
    return rows


def test_every_row_is_asked(bench: Any, rows: list[dict[str, str]]) -> None:
    """Each row has its own prompt and its own answer, in order, beside its own columns."""
    ran = bench.run("%%batch rows -o results\nWhere is {{ row.name }}? (number {{ number }})")
    assert ran.error is None, ran.error
    results = bench.shell.user_ns["results"]
    assert [result["name"] for result in results] == [row["name"] for row in rows]
    assert all(row["name"] in result["answer"] for row, result in zip(rows, results, strict=True))
    assert {result["error"] for result in results} == {None}
    assert ran.printed.splitlines()[0] == "3 of 3 rows · 0.0000 USD"
    assert bench.asked == 3


def test_running_again_asks_nobody(bench: Any, rows: list[dict[str, str]]) -> None:
    """What is known is not asked again; a new row is asked alone; `--fresh` asks for all."""
    prompt = "Where is {{ row.name }}?"
    for _ in range(2):
        bench.run(f"%%batch rows\n{prompt}")
    assert bench.asked == 3
    rows.append({"name": "Lima"})
    bench.run(f"%%batch rows\n{prompt}")
    assert bench.asked == 4
    bench.run(f"%%batch rows --fresh\n{prompt}")
    assert bench.asked == 8


def test_schema_fields_become_columns(bench: Any, rows: list[dict[str, str]]) -> None:
    """An answer's fields stand beside the row's own; one of the same name gets another."""
    bench.run("%%batch rows --schema City -o results\nWhere is {{ row.name }}?")
    assert list(bench.shell.user_ns["results"][0]) == ["name", "city", "country", "cost", "error"]
    rows[:] = [{"city": "Paris"}]
    bench.run("%%batch rows --schema City -o results\nWhere is {{ row.city }}?")
    assert list(bench.shell.user_ns["results"][0]) == ["city", "city_", "country", "cost", "error"]
    bench.run("%%batch rows --schema list[City] -o results\nWhere is {{ row.city }}?")
    assert isinstance(bench.shell.user_ns["results"][0]["answer"], list)


def test_a_list_of_prompts_needs_no_cell(bench: Any) -> None:
    """Words alone are asked as they stand, braces and all."""
    bench.shell.user_ns["prompts"] = ["What is {{x}}?", "What is 6 times 7?"]
    ran = bench.run("%%batch prompts -o results\n")
    assert ran.error is None, ran.lines
    results = bench.shell.user_ns["results"]
    assert [result["row"] for result in results] == bench.shell.user_ns["prompts"]
    assert "42" in results[1]["answer"]


def test_a_row_that_fails_spoils_no_other(bench: Any) -> None:
    """The failure stands in its row; the cell fails only where every row does."""
    bench.shell.user_ns["rows"] = [{"text": "What is 6 times 7?"}, {"text": ""}]
    ran = bench.run("%%batch rows -o results\n{{ row.text }}")
    assert "prompt is empty" in ran.lines[0]
    bench.shell.user_ns["rows"] = [{"text": "a"}, {"text": "b"}]
    ran = bench.run("%%batch rows -m sim/fault-500 -o results\n{{ row.text }}")
    assert ran.lines[0].startswith("✗ route exhausted")
    assert "2 failed" in ran.printed
    assert all(result["error"] and result["answer"] is None for result in bench.shell.user_ns["results"])


def test_budget_holds(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """Nothing is asked that could pass the batch's budget; what was answered before is kept."""
    config = tmp_path / "config.toml"
    config.write_text(
        PRICED
        + '[providers.mine]\nbase_url = "https://mine.invalid/v1"\ndialect = "chat_completions"\nkey = "env:MINE"\n'
    )
    bench = open_bench(VE_CONFIG=str(config), MINE="sk-mine")
    bench.shell.user_ns["rows"] = [{"name": name} for name in ("Paris", "Rome", "Oslo", "Lima")]
    ran = bench.run("%%batch rows --budget 0.45 --max-tokens 100 -o results\nWhere is {{ row.name }}?")
    results = bench.shell.user_ns["results"]
    answered = [result for result in results if result["error"] is None]
    assert 1 <= len(answered) < 4, ran.printed
    assert sum(result["cost"] for result in answered) <= 0.45
    assert all("of the batch's" in result["error"] for result in results if result["error"])
    assert bench.asked == len(answered)
    ran = bench.run("%%batch rows --budget 0.45 -m mine/tutor\nWhere is {{ row.name }}?")
    assert "nobody knows what mine/tutor costs" in ran.lines[0]


def test_no_budget_at_all_allows_what_is_free(open_bench: Callable[..., Any], tmp_path: Path) -> None:
    """`--budget 0` is an amount: what costs nothing is asked, what is known is shown, and the rest says what it means."""
    config = tmp_path / "config.toml"
    config.write_text(PRICED)
    cell = "%%batch rows --budget {} --max-tokens 100 -o results\nWhere is {{{{ row.name }}}}?"
    bench = open_bench(VE_CONFIG=str(config))
    bench.shell.user_ns["rows"] = [{"name": "Paris"}, {"name": "Rome"}]
    ran = bench.run(cell.format("0.0"))
    assert "The batch's budget is $0, so only what is free or known already is answered" in ran.lines[0]
    assert bench.asked == 0
    assert bench.run(cell.format("$9")).error is None
    assert bench.run(cell.format("0")).error is None
    assert bench.asked == 2
    free = open_bench()
    free.shell.user_ns["rows"] = [{"name": "Paris"}, {"name": "Rome"}]
    assert free.run(cell.format("0")).error is None


def test_unfinished_batch_goes_on_in_another_kernel(open_bench: Callable[..., Any]) -> None:
    """A new kernel asks only for what the earlier one was not answered; a finished batch is asked for anew."""
    cell = "%%batch rows --limit 1 -o results\nWhere is {{ row.name }}?"
    main = threading.get_ident()
    slow = open_bench(settings=Settings(first_token=0.4, tokens_per_second=math.inf))
    slow.shell.user_ns["rows"] = [{"name": name} for name in ("Paris", "Rome", "Oslo", "Lima")]
    timer = threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    ran = slow.run(cell)
    timer.join()
    assert isinstance(ran.error, KeyboardInterrupt)
    assert "rows are answered. Run the cell again to go on." in ran.printed
    answered = sum(result["answer"] is not None for result in slow.shell.user_ns["results"])
    assert 1 <= answered < 4
    unload(slow.shell)
    again = open_bench()
    assert again.run(cell).error is None
    assert again.simulator.counters.chats == 4 - answered
    unload(again.shell)
    anew = open_bench()
    assert anew.run(cell).error is None
    assert anew.simulator.counters.chats == 4 - answered + 4


def test_every_row_is_filmed(bench: Any, rows: list[dict[str, str]]) -> None:
    """Each row becomes a film in a folder beside the notebook; running it again orders none; a replay asks nobody."""
    bench.run("%ve record lesson")
    for _ in range(2):
        ran = bench.run(f"%%batch rows --video {SMALL} --no-expand -o results\nA view of {{{{ row.name }}}}")
        assert ran.error is None, ran.lines
    results = bench.shell.user_ns["results"]
    assert bench.simulator.counters.videos_created == 3
    assert [result["name"] for result in results] == [row["name"] for row in rows]
    assert all((bench.folder / result["video"]).is_file() for result in results)
    assert results[0]["video"].startswith("clips/A-view-of-Paris")
    live = ran.printed
    shutil.rmtree(bench.folder / "clips")
    bench.run("%ve replay")
    ran = bench.run(f"%%batch rows --video {SMALL} --no-expand -o again\nA view of {{{{ row.name }}}}")
    assert ran.printed == live
    assert bench.shell.user_ns["again"] == results
    assert all((bench.folder / result["video"]).is_file() for result in results)
    assert bench.simulator.counters.videos_created == 3


@pytest.mark.parametrize(("limit", "most", "films"), [("--limit 8", 8, 10), ("--limit 1", 1, 2), ("", 4, 6)])
def test_films_are_made_side_by_side_up_to_the_limit(
    open_bench: Callable[..., Any], limit: str, most: int, films: int
) -> None:
    """`--limit 8` has eight films in the making at once and never a ninth; where it is left out there are four."""
    bench = open_bench(settings=Settings(video_seconds=1.0))
    bench.shell.user_ns["scenes"] = [f"View {number}" for number in range(films)]
    ran = bench.run(f"%%batch scenes --video {limit} {SMALL} --no-expand -o results\n")
    assert ran.error is None, ran.lines
    jobs = bench.notebook.session.filming.jobs.find()
    at_once = [sum(other.created <= job.created < other.updated for other in jobs) for job in jobs]
    assert (len(jobs), max(at_once)) == (films, most)
    assert all((bench.folder / result["video"]).is_file() for result in bench.shell.user_ns["results"])


def test_films_that_fail_stand_in_their_rows(bench: Any, rows: list[dict[str, str]]) -> None:
    """A film that isn't made is told in its row, and fails the cell only where all do."""
    ran = bench.run(
        f"%%batch rows --video -m sim/fault-job {SMALL} --no-expand -o results\n{{{{ row.name }}}}"
    )
    assert ran.lines[0].startswith("✗ job failed")
    assert all(result["error"] and result["video"] is None for result in bench.shell.user_ns["results"])
    assert len(rows) == bench.simulator.counters.videos_created


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%batch missing\n{{ row }}", "missing gives no rows: NameError"),
        ("%%batch number\n{{ row }}", "number is a int, which has no rows"),
        ("%%batch empty\n{{ row }}", "empty has no rows"),
        ("%%batch ragged\n{{ row.a }}", "not one of columns of the same length"),
        ("%%batch rows\nthe same", "same for every row"),
        ("%%batch rows\n\n", "The prompt is empty"),
        ("%%batch rows\n{{ row.nope }}", "has no field 'nope'; it has name"),
        ("%%batch rows --video --budget 0.1 --seconds 4\n{{ row.name }}", "its budget is $0.10."),
        ("%%batch rows --video --budget 0.004 --seconds 4\n{{ row.name }}", "its budget is $0.004."),
        (
            "%%batch rows --video --budget 0.0 --seconds 4\n{{ row.name }}",
            "would cost $0.80, and its budget is $0, which allows only what is free.",
        ),
        (
            "%%batch rows --video --budget 0.1\n{{ row.name }}",
            "Nobody knows what the batch would cost, and its",
        ),
        ("%%batch rows --budget -1\n{{ row.name }}", "'-1' is not an amount in US dollars"),
        ("%%batch rows --budget much\n{{ row.name }}", "'much' is not an amount in US dollars"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(
    open_bench: Callable[..., Any], tmp_path: Path, cell: str, said: str
) -> None:
    """Each mistake is an error of its own, and costs nothing."""
    config = tmp_path / "config.toml"
    config.write_text(PRICED)
    bench = open_bench(VE_CONFIG=str(config))
    bench.shell.user_ns.update(
        rows=[{"name": "a"}, {"name": "b"}], number=3, empty=[], ragged={"a": [1], "b": [1, 2]}
    )
    assert said in bench.run(cell).lines[0]
    assert bench.asked == 0


def test_dry_run_asks_nobody(bench: Any, rows: list[dict[str, str]]) -> None:
    """The plan shows the first prompts, how many there are, and what they could cost."""
    said = bench.run("%%batch rows --dry-run --max-tokens 10\nWhere is {{ row }}?").text.splitlines()
    assert said[1] == "row 0     Where is name: Paris?"
    assert said[-2:] == ["rows      3, 8 at a time", "estimate  at most $0.0000; nothing was sent"]
    said = bench.run("%%batch rows --video --dry-run --seconds 1\n{{ row.name }}").text.splitlines()
    assert said[-2:] == [f"videos    {len(rows)}", "estimate  $0.00; nothing was sent"]
    assert bench.run("%%batch --help x\n").text.startswith("usage: %%batch")
    assert bench.asked == 0
