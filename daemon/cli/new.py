"""`tripflag new NAME`: a journey's file, from a template or from what codegen recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.options import WRONG, AsJson, give_up, print_json

Name = Annotated[str, typer.Argument(help="Of the journey, its function and its file.")]
Recorded = Annotated[
    typer.FileText | None,
    typer.Option("--from-codegen", encoding="utf-8", help="What `playwright codegen` wrote."),
]
Folder = Annotated[Path, typer.Option(help="Where your journeys are.")]


def new(
    name: Name,
    from_codegen: Recorded = None,
    folder: Folder = Path("journeys"),
    as_json: AsJson = False,
) -> None:
    """Write a new journey's file, and print what to paste into the configuration."""
    from daemon.new_journey import new_journey, yaml_of
    from probes.codegen import read_recording
    from probes.journey import load_journeys
    from probes.model import ProbeError

    try:
        recording = None if from_codegen is None else read_recording(from_codegen.read())
        file = new_journey(name, folder, recording, set(load_journeys(None)))
    except ProbeError as cause:
        give_up(str(cause), WRONG)
    except UnicodeDecodeError:
        give_up("the recording is no UTF-8 text: give what `playwright codegen` wrote", WRONG)
    except OSError as cause:
        give_up(f"cannot write into {folder}: {cause.strerror}. Name another --folder", WRONG)
    warnings = () if recording is None else recording.warnings
    base_url = None if recording is None else recording.base_url
    yaml = yaml_of(name, folder.absolute(), base_url)
    if as_json:
        print_json({"file": str(file), "yaml": yaml, "warnings": list(warnings)})
        return
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"wrote {file}; paste this into your configuration, then check it:", err=True)
    print(yaml, end="")  # noqa: T201 - the command's output
