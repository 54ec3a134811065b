"""`tripflag completion`: what a shell loads to complete verbs and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import (  # type: ignore[attr-defined]  # documented nowhere, used by all
    completion_init,
    get_completion_script,
)

PROGRAM = "tripflag"


class Shell(StrEnum):
    """Shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script.")]) -> None:
    """Print a shell's completion script: `source <(tripflag completion bash)`."""
    script = get_completion_script(
        prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE", shell=shell.value
    )
    print(script)  # noqa: T201 - the command's output


# Typer answers a shell's questions only where its own option `--install-completion` is offered;
# that one edits the user's start-up files, which nobody asked for.
completion_init()
