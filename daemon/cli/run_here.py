"""`tripflag run PROBE --file FILE`: a run on this machine, step by step. Nothing is flipped."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.spinner import Spinner

from config.load import ConfigError, load
from config.schema import Config, ProbeSpec
from daemon.app import check_journeys
from daemon.cli.options import WRONG, give_up
from daemon.cli.run_table import progress
from daemon.cli.runs import show_outcome, show_run, show_step
from daemon.cli.serve import start_logging
from daemon.cli.terminal import cell, out, say
from probes.chromium import find, find_full
from probes.journey import watched
from probes.model import ProbeError, Purpose, Run, Step
from probes.runner import Job, Runner


def runs_here(
    file: Path,
    name: str,
    headed: bool,
    trace: Path | None,
    repeat: int,
    location: str | None,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Run a probe `repeat` times and return its runs as JSON documents.

    One run's steps are printed as they end, unless `quiet`.
    """
    start_logging(quiet=True)
    try:
        config = load(file, os.environ)
        check_journeys(config)
        spec = _spec(config, name)
        if headed:
            _need_display()
            executable = find_full(config.browser)
            browser = config.browser.model_copy(update={"executable": executable})
            config = config.model_copy(update={"browser": browser})
        elif spec.kind == "journey":
            find(config.browser)
    except (ConfigError, ProbeError) as cause:
        give_up(str(cause), WRONG)
    job = _job(config, spec, location, trace)
    runner = Runner(headed=headed)
    try:
        with progress(repeat, quiet) as advance:
            found = []
            for number in range(repeat):
                run = _one(runner, replace(job, id=_id(name, number)), quiet or repeat > 1)
                found.append(json.loads(run.to_json()))
                advance()
    except KeyboardInterrupt:
        give_up("stopped", 130)
    finally:
        runner.close()
    if trace is not None and not quiet:
        say(f"  evidence is in {trace}")
    return found


def _one(runner: Runner, job: Job, quiet: bool) -> Run:
    if quiet:
        return runner.execute(job)
    with _showing_steps():
        run = runner.execute(job)
    told = json.loads(run.to_json())
    if run.steps:
        show_run({**told, "steps": []})
    else:
        show_outcome(told)
    return run


@contextmanager
def _showing_steps() -> Iterator[None]:
    """Print each step as it ends; on a terminal, show also the one under way."""
    live = Live(console=out, transient=True, refresh_per_second=8)

    def on_step(name: str, ended: Step | None) -> None:
        if ended is None:
            live.update(Spinner("dots", cell(f" {name}")))
            return
        live.update("")
        show_step(
            {
                "outcome": ended.outcome.value,
                "duration_s": ended.duration_s,
                "name": ended.name,
                "message": ended.message,
            }
        )

    if not out.is_terminal:
        with watched(on_step):
            yield
        return
    with live, watched(on_step):
        yield


def _spec(config: Config, name: str) -> ProbeSpec:
    if name not in config.probes:
        known = ", ".join(config.probes)
        raise ProbeError(f"no probe is named {name!r}: name one of {known}")
    return config.probes[name]


def _job(config: Config, spec: ProbeSpec, location: str | None, trace: Path | None) -> Job:
    if location is not None and location not in spec.locations:
        known = ", ".join(spec.locations)
        give_up(f"{spec.name} does not run in {location!r}: name one of {known}", WRONG)
    if trace is not None:
        try:
            trace.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=trace):
                pass
        except OSError as cause:
            give_up(f"cannot write into {trace}: {cause.strerror}. Name another folder", WRONG)
    return Job(
        spec,
        config.targets[spec.target],
        location or spec.locations[0],
        Purpose.MANUAL,
        trace=trace is not None,
        keep_evidence=trace is not None,
        artifacts=trace,
        browser=config.browser,
        uplink=config.uplink,
        journeys_folder=config.journeys_folder,
    )


def _need_display() -> None:
    """Refuse where no window can be shown: Chromium's own words for it are a page long."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise ProbeError(
            "--headed needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set: run it in "
            "a desktop session or under `xvfb-run`, or leave --headed away and give --trace DIR"
        )


def _id(name: str, number: int) -> str:
    return f"{name}-{number + 1:04}-{os.getpid()}"
