"""`make faults`: plays the table and prints what was seen beside what must be.

Ends with 1 where a kill was false or missed, or a scenario went another way than it must.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from daemon.guard import Phase
from tests.faults.acts import ASSESSMENT
from tests.faults.player import Played, play
from tests.faults.scenario import Evidence, Must, Scenario
from tests.faults.scene import NotCalm, Scene, a_scene
from tests.faults.table import TABLE
from tests.faults.variants import Variant
from tests.servers import Postgres

#: Promised median from a hard fault to its verified kill, probes being 5 s apart.
KILLED_WITHIN_S = 8.0

out = Console(width=None if sys.stdout.isatty() else 160)


def main(arguments: list[str]) -> int:
    """Play what was asked for; return the exit code."""
    asked = _asked(arguments)
    chosen = [each for each in TABLE if asked.k in each.name or asked.k in each.kind]
    if not chosen:
        out.print(f"no scenario has {asked.k!r} in its name or class")
        return 1
    codes = []
    for turn in range(asked.repeat):
        if asked.repeat > 1:
            out.rule(f"{turn + 1} of {asked.repeat}")
        played = _play_all(chosen)
        _show(played)
        codes.append(_sum_up(played))
    return max(codes)


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("-k", default="", metavar="WORD", help="only names and classes with it")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="the table so often")
    return parser.parse_args(arguments)


def _play_all(chosen: list[Scenario]) -> list[Played]:
    order = {variant: place for place, variant in enumerate(Variant)}
    rows = sorted(chosen, key=lambda each: order[each.where])
    played: list[Played] = []
    columns = (
        TextColumn("{task.description:44}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("", total=len(rows))
        for (variant, _), same in groupby(rows, key=_scene_of):
            with _a_scene(variant) as scene:
                for scenario in same:
                    progress.update(task, description=f"{variant}: {scenario.name}")
                    played.append(_play(scene, scenario))
                    progress.advance(task)
                    if not out.is_terminal:
                        row = played[-1]
                        out.print(f"{scenario.name}: {_verdict(row)}, {row.took_s:.0f} s")
                    if played[-1].wrong:
                        out.print(_trouble(played[-1]), markup=False, highlight=False)
    return sorted(played, key=lambda each: chosen.index(each.scenario))


def _scene_of(scenario: Scenario) -> tuple[Variant, str]:
    return scenario.where, scenario.name if scenario.where.remembers else ""


def _play(scene: Scene, scenario: Scenario) -> Played:
    try:
        return play(scene, scenario)
    except NotCalm as cause:
        return Played(scenario, {}, (f"could not begin: {cause}",), 0, 0, 0, ())


@contextmanager
def _a_scene(variant: Variant) -> Iterator[Scene]:
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="tripflag-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(scratch))
        url = None
        if variant is Variant.POSTGRES:
            data = folder / "postgres"
            data.mkdir()
            folder.chmod(0o755)  # the server runs as another user
            server = Postgres(data)
            server.start()
            stack.callback(server.stop)
            url = server.url()
        yield stack.enter_context(a_scene(folder / "scene", variant, url))


def _trouble(played: Played) -> str:
    lines = (f"{played.scenario.name}: {'; '.join(played.wrong)}", *played.story)
    return "\n    ".join(lines)


def _show(played: list[Played]) -> None:
    table = Table("class", "scenario", "broken", "must", "seen", "kill", "verdict")
    for kind, rows in groupby(played, key=lambda each: each.scenario.kind):
        for place, row in enumerate(rows):
            table.add_row(
                kind if place == 0 else "",
                row.scenario.name,
                row.scenario.broken,
                _must(row.scenario),
                _seen(row),
                f"{row.kill_s:.1f} s" if row.kill_s and row.scenario.measured else "",
                _verdict(row),
            )
        table.add_section()
    out.print(table)


def _must(scenario: Scenario) -> str:
    return _words({name: (must.phase, must.kills) for name, must in scenario.musts.items()})


def _seen(row: Played) -> str:
    return _words({name: (seen.phase, seen.kills) for name, seen in row.seen.items()})


def _words(guards: dict[str, tuple[Phase | None, int]]) -> str:
    """Say what each guard is, the widget's first; one that never moved is left out."""
    quiet = (Must().phase, 0)
    moved = [(name, is_now) for name, is_now in guards.items() if is_now != quiet]
    texts = [
        ("assessment " if name == ASSESSMENT else "")
        + (phase or "any")
        + (f" {n} kills" if n > 1 else "")
        for name, (phase, n) in moved
    ]
    return ", ".join(texts) or "nothing"


def _verdict(row: Played) -> str:
    if row.false_kills:
        return "FALSE KILL"
    if row.missed_kills:
        return "MISSED KILL"
    return "WRONG" if row.wrong else "as it must"


def _sum_up(played: list[Played]) -> int:
    false = sum(each.false_kills for each in played)
    missed = sum(each.missed_kills for each in played)
    wrong = sum(bool(each.wrong) for each in played)
    hard = [
        each.kill_s
        for each in played
        if each.scenario.measured and each.scenario.evidence is Evidence.HARD and each.kill_s
    ]
    late = bool(hard) and statistics.median(hard) >= KILLED_WITHIN_S
    if hard:
        out.print(
            f"hard faults: median {statistics.median(hard):.1f} s, slowest {max(hard):.1f} s from "
            f"the fault to the verified kill, of {len(hard)}; must be below {KILLED_WITHIN_S:g} s"
        )
    seen = {phase for each in played for guard in each.seen.values() for phase in guard.passed}
    missing = ", ".join(phase for phase in Phase if phase not in seen)
    out.print(f"phases seen: {len(seen)} of {len(Phase)}" + (f"; not {missing}" if missing else ""))
    out.print(f"{len(played)} scenarios: {false} false kills, {missed} missed kills, {wrong} wrong")
    whole = len(played) == len(TABLE)
    return int(bool(false or missed or wrong or late or (whole and missing)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
