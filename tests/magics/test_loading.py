"""What `%load_ext ve_magics` does to the process around it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TERMINAL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ve_magics")
for cell in ("%%chat\\n\\u7528\\u4e09\\u53e5\\u8bdd\\u89e3\\u91ca\\u4ec0\\u4e48\\u662f\\u68af\\u5ea6\\u4e0b\\u964d\\u3002", "%ve"):
    shell.run_cell(cell).raise_error()
"""


def test_answers_are_not_lost_where_a_terminal_lacks_characters(tmp_path: Path) -> None:
    """A terminal or pipe of another encoding shows question marks for what it lacks; the cells don't fail."""
    env = os.environ | {
        "IPYTHONDIR": str(tmp_path),
        "VE_HOME": str(tmp_path),
        "PYTHONIOENCODING": "ascii:strict",
    }
    ran = subprocess.run(
        [sys.executable, "-c", TERMINAL], capture_output=True, env=env, cwd=tmp_path, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert b"$\\eta$" in ran.stdout
    assert b"chat           sim/tutor" in ran.stdout
