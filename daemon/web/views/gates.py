"""PURE: a flag's gates in words, and whether another set of gates exposes more users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from flags.gates import META, flag_of
from flags.model import FlagState, Gates
from probes.text import bounded

#: Most actors or groups that are named in a line.
NAMED = 5
#: Longest id of an actor, or name of a group, in a line.
LONGEST = 60

Change = Literal["rises", "may rise", "falls", "same"]

_ORDER = {FlagState.OFF: 0, FlagState.CONDITIONAL: 1, FlagState.ON: 2}


def in_words(gates: Gates) -> str:
    """Say for whom the flag is on."""
    state = flag_of("any", gates).state
    if state is FlagState.CONDITIONAL:
        return "; ".join(_parts(gates)) or "on for some"
    return "on for everybody" if state is FlagState.ON else "off for everybody"


def changed(before: Gates, after: Gates) -> tuple[str, str]:
    """Say what became of what; gates that differ do not read the same."""
    words = in_words(before), in_words(after)
    return (str(before), str(after)) if words[0] == words[1] and before != after else words


def exposure(before: Gates, after: Gates) -> Change:
    """Say what becomes of exposure when `after` takes the place of `before`.

    Two sets of conditions are not compared user by user: between them it may rise.
    """
    if before == after:
        return "same"
    was, will = flag_of("any", before).state, flag_of("any", after).state
    if was is will:
        return "may rise" if was is FlagState.CONDITIONAL else "same"
    return "rises" if _ORDER[will] > _ORDER[was] else "falls"


def _parts(gates: Gates) -> Iterator[str]:
    for key, noun in (("actors", "actor"), ("groups", "group")):
        values = gates.values(key)
        if values:
            names = ", ".join(bounded(value, LONGEST) for value in values[:NAMED])
            more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
            yield f"on for {len(values)} {noun}{'s' if len(values) > 1 else ''}: {names}{more}"
    for key, of in (("percentage_of_actors", "actors"), ("percentage_of_time", "the time")):
        for value in gates.values(key):
            yield f"on for {bounded(value, 20)} % of {of}"
    if gates.values(META):
        yield "on for some, as its metadata says"
    for value in gates.values("expression"):
        yield f"on where the expression holds: {bounded(value, 120)}"
