"""The words around all verbs: version, help, exit codes, completion in a real shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from daemon.cli.options import EXIT_CODES
from tests.cli.conftest import run_command


def test_the_version_is_told() -> None:
    assert run_command("", "--version").stdout == f"tripflag {version('tripflag')}\n"


def test_help_says_every_exit_code() -> None:
    said = " ".join(run_command("", "--help").stdout.split())
    for code, meaning in EXIT_CODES:
        assert f"{code} {meaning}." in said


def test_a_wrong_option_ends_with_2() -> None:
    ended = run_command("", "guards", "list", "--nonsense")
    assert ended.exit_code == 2
    assert "--nonsense" in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_asks_the_program_itself(shell: str) -> None:
    said = run_command("", "completion", shell)
    assert said.exit_code == 0
    assert f"_TRIPFLAG_COMPLETE=complete_{shell}" in said.stdout


def test_an_unknown_shell_is_refused_with_those_that_are_known() -> None:
    refused = run_command("", "completion", "tcsh")
    assert refused.exit_code == 2
    assert "fish" in refused.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_loads_the_script_and_completes_verbs_and_options(tmp_path: Path) -> None:
    script = tmp_path / "completion.sh"
    script.write_text(run_command("", "completion", "bash").stdout)
    program = tmp_path / "tripflag"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m daemon.cli "$@"\n')
    program.chmod(0o755)
    ask = (
        "set -eu; source completion.sh; complete -p tripflag >/dev/null; "
        "COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        '_tripflag_completion tripflag; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": root}
    found = {}
    for line in ("tripflag gu", "tripflag guards re", "tripflag run --re"):
        shell = subprocess.run(
            ("bash", "--norc", "-c", ask, "bash", line),
            capture_output=True,
            text=True,
            env=env,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert shell.returncode == 0, shell.stderr
        found[line] = shell.stdout.split()
    assert found == {
        "tripflag gu": ["guards"],
        "tripflag guards re": ["reset", "release"],
        "tripflag run --re": ["--repeat"],
    }


def test_no_verb_waits_for_what_only_the_daemon_needs() -> None:
    heavy = ["alembic", "flask", "playwright", "pydantic", "pygal", "sqlalchemy", "structlog"]
    asked = f"import sys, daemon.cli; print(*sorted(set({heavy}) & set(sys.modules)))"
    found = subprocess.run(
        (sys.executable, "-c", asked), capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.split() == []
