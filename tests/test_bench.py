"""The quick measurement for users."""

from __future__ import annotations

from pathlib import Path

import pytest

from ve_magics import bench
from ve_magics.bench import report

pytestmark = pytest.mark.anyio


async def test_each_way_is_measured_beside_the_direct_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole and streamed, few and many at once: three ways each, the direct one being the measure of the others."""
    monkeypatch.setenv("VE_CONFIG", str(tmp_path / "the user's own, which must not matter.toml"))
    await report(seconds=0.05, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    rows = [line.rsplit(maxsplit=4) for line in lines if line.startswith(("whole", "stream"))]
    assert len(rows) == 2 * len(bench.AT_ONCE) * 3
    for what, rate, ratio, first, extra in rows:
        assert float(rate) > 0
        assert float(first) > 0
        if what.endswith("direct"):
            assert (float(ratio), float(extra)) == (1, 0)
        else:
            assert float(ratio) > 0
