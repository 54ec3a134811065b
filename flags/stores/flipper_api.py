"""Ruby Flipper's HTTP API as a store for flipper-client.

Source: flippercloud/flipper, `lib/flipper/api/` (routes, error codes) and `adapters/http.rb` (what
each gate's calls carry). Any write creates a feature that is not there, hence each one here comes
after a read that found it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from flags.gates import (
    ACTORS,
    BOOLEAN,
    EXPRESSION,
    GROUPS,
    PERCENTAGE_OF_ACTORS,
    PERCENTAGE_OF_TIME,
    flag_of,
    percentage,
    truthy,
)
from flags.model import (
    Flag,
    FlagChanged,
    FlagError,
    Gates,
    ReadBackDiffers,
    StoreUnavailable,
    UnknownFlag,
)
from flags.stores.base import DISABLED, ENABLED, FlagStore
from flags.stores.flipper_http import Deadline, FlipperHttp, NoSuchFeature, Passing, Refused
from flags.stores.machine_lock import machine_lock

_PERCENTAGES = (PERCENTAGE_OF_ACTORS, PERCENTAGE_OF_TIME)
#: How a gate's value is carried by a call.
_BODIES: dict[str, Callable[[str], JsonValue]] = {
    BOOLEAN: lambda _: {},
    ACTORS: lambda value: {"flipper_id": value},
    GROUPS: lambda value: {"name": value, "allow_unregistered_groups": "true"},
    PERCENTAGE_OF_ACTORS: lambda value: {"percentage": value},
    PERCENTAGE_OF_TIME: lambda value: {"percentage": value},
    EXPRESSION: lambda value: _json(value),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One idempotent call, and the gates once it has been carried out."""

    method: str
    gate: str
    value: str
    after: Gates


class FlipperApiFlagStore(FlagStore):
    """Flags behind flipper-api, read and written as the HTTP adapter of Ruby Flipper does.

    The API has no compare-and-swap and no version: two writers can overwrite each other, and
    neither learns of it. On this machine one writer per flag is at work at a time (a lock file in
    the temporary folder, which writers must share). Across machines the API offers nothing: run one
    daemon, or use the `sql` store where its database can be reached. Another writer's change that
    falls between reading `expected` and our call is overwritten; one that falls after our call
    shows as `ReadBackDiffers`.

    A call is given up after `timeout_s` in all, retries included; only the replay of several gates
    takes that long for each of them.

    Raises:
        FlagError: the address or the credentials cannot be used; neither is in the message.
    """

    def __init__(
        self,
        base_url: str,
        timeout_s: float = 5,
        token: str | None = None,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._http = FlipperHttp(base_url, token, user, password)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    def gates(self, feature_name: str) -> Gates:
        """Read a flag's gates as the rows that Ruby's SQL adapter would hold."""
        with _failures("read", feature_name):
            return self._read(feature_name, Deadline(self._timeout_s))

    def flags(self) -> tuple[Flag, ...]:
        """Read every flag with its gates, sorted by name."""
        with _failures("read", "*"):
            answer = self._http.read("/features", Deadline(self._timeout_s))
            features = answer.get("features") if isinstance(answer, dict) else None
            if not isinstance(features, list):
                raise _other_shape()
            named = dict(_feature(feature) for feature in features)
        return tuple(flag_of(name, named[name]) for name in sorted(named))

    def replace_gates(
        self, feature_name: str, wanted: Gates, expected: Gates | None = None
    ) -> Gates:
        """Write exactly these gates, by as few calls as it takes; return what they were before.

        For `expected`, a percentage of "0" and none at all are the same, as they are to Ruby.

        Raises:
            FlagChanged, UnknownFlag, StoreUnavailable: as in `FlagStore`.
            ReadBackDiffers: another writer was at work between our calls.
            FlagError: there is a gate that the API cannot write; nothing was written.
        """
        deadline = Deadline(self._timeout_s)
        with (
            _failures("write", feature_name),
            machine_lock(f"{self._base_url} {feature_name}", self._timeout_s),
        ):
            before = self._read(feature_name, deadline)
            if (
                expected is not None
                and not self.same(before, expected)
                and not self.same(before, wanted)
            ):
                raise FlagChanged(feature_name, expected, before)
            for step in plan(before, wanted):
                if step.gate not in _BODIES:
                    raise FlagError(
                        f"flipper-api has no call for gate {step.gate!r} of {feature_name!r}: "
                        "write it where the application does; nothing was written"
                    )
            self._bring_to(feature_name, before, wanted, expected is None, deadline)
            return before

    def _bring_to(
        self, name: str, found: Gates, wanted: Gates, forced: bool, deadline: Deadline
    ) -> None:
        attempt = 0
        while steps := plan(found, wanted):
            ours = [found, wanted, *(step.after for step in steps)]
            broken: Passing | None = None
            try:
                self._carry_out(name, steps, deadline)
            except Passing as passing:
                broken = passing
                if not deadline.pause(attempt):
                    raise
                attempt += 1
            # A call that broke may have landed. Repeating it blindly could create a feature that
            # is gone by now, or undo what somebody else wrote since.
            found = self._read(name, deadline)
            if self.same(found, wanted):
                return
            if broken is None or not (forced or any(self.same(found, gates) for gates in ours)):
                raise ReadBackDiffers(name, wanted, found)

    def _carry_out(self, name: str, steps: tuple[Step, ...], deadline: Deadline) -> None:
        for place, step in enumerate(steps):
            if place:
                # A thousand actors take longer than a call may: the server is alive, go on.
                deadline.renew()
            path = f"{_path(name)}/{step.gate}"
            self._http.call(step.method, path, _BODIES[step.gate](step.value), deadline)

    def _read(self, name: str, deadline: Deadline) -> Gates:
        found, gates = _feature(self._http.read(_path(name), deadline))
        if found != name:
            raise Refused("the answer is about another flag: check store.base_url")
        return gates

    def same(self, wanted: Gates, found: Gates) -> bool:
        """True where both mean the same to Ruby, whatever way they are written."""
        return _meaning(wanted) == _meaning(found)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()


def plan(found: Gates, wanted: Gates) -> tuple[Step, ...]:
    """Return the calls that turn gates into others; none where they are the same.

    A boolean, on or off, wipes every other gate, so it comes first. No call removes a percentage
    (DELETE leaves a "0"): that takes a wipe, too.
    """
    if found == wanted:
        return ()
    steps: list[Step] = []
    rows = set(found.rows)

    def step(method: str, row: tuple[str, str]) -> None:
        steps.append(Step(method, *row, Gates.of(*rows)))

    lost = {gate for gate, _ in rows} - {gate for gate, _ in wanted.rows}
    on = any(truthy(value) for value in wanted.values(BOOLEAN))
    gains_boolean = on and not any(truthy(value) for value in found.values(BOOLEAN))
    if not wanted.rows or gains_boolean or lost - {ACTORS, GROUPS, EXPRESSION}:
        rows = set(ENABLED.rows if on else DISABLED.rows)
        step("POST" if on else "DELETE", (BOOLEAN, "true"))
    for row in sorted(rows - set(wanted.rows)):
        if row[0] in (ACTORS, GROUPS) or row[0] in lost:
            rows.discard(row)
            step("DELETE", row)
    for row in sorted(set(wanted.rows) - rows):
        if row[0] not in (ACTORS, GROUPS):
            rows = {other for other in rows if other[0] != row[0]}  # one value, replaced
        rows.add(row)
        step("POST", row)
    return tuple(steps)


def _meaning(gates: Gates) -> dict[str, Any]:
    known = {gate: percentage(gates, gate) for gate in _PERCENTAGES}
    rows = [row for row in gates.rows if row[0] not in (BOOLEAN, EXPRESSION, *_PERCENTAGES)]
    on = any(truthy(value) for value in gates.values(BOOLEAN))
    expressions = [_json(value) for value in gates.values(EXPRESSION)]
    return {**known, BOOLEAN: on, EXPRESSION: expressions, "rows": rows}


def _feature(answer: JsonValue) -> tuple[str, Gates]:
    if not isinstance(answer, dict):
        raise _other_shape()
    name, gates = answer.get("key"), answer.get("gates")
    if not isinstance(name, str) or not isinstance(gates, list):
        raise _other_shape()
    return name, Gates.of(*(row for gate in gates for row in _rows(gate)))


def _rows(gate: JsonValue) -> Iterator[tuple[str, str]]:
    key = gate.get("key") if isinstance(gate, dict) else None
    if not isinstance(gate, dict) or not isinstance(key, str) or "value" not in gate:
        raise _other_shape()
    value = gate["value"]
    # A gate that is not known is kept: it is part of the flag, and part of its snapshot.
    for one in value if isinstance(value, list) and key != EXPRESSION else [value]:
        if isinstance(one, str) and key != EXPRESSION:
            yield key, one
        elif one is not None and one != {}:
            # As Ruby writes JSON into its row.
            yield key, json.dumps(one, separators=(",", ":"), ensure_ascii=False)


def _json(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _path(name: str) -> str:
    return f"/features/{quote(name, safe='')}"


def _other_shape() -> Refused:
    return Refused("the answer is none of flipper-api's: check store.base_url")


@contextmanager
def _failures(operation: str, flag: str) -> Iterator[None]:
    try:
        yield
    except NoSuchFeature:
        raise UnknownFlag(flag) from None
    except (Passing, Refused, OSError) as cause:
        raise StoreUnavailable(operation, flag, cause) from cause
