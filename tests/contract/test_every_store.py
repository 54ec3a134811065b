"""What every flag store promises, each on its real server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.storage import FeatureFlagStoreMeta
from flipper.exceptions import FlagDoesNotExistError

from config.schema import FlipperApiStore, PostgresStore, RedisStore, S3Store, SqlStore, StoreSpec
from flags.gates import META, flag_of
from flags.model import (
    FlagChanged,
    FlagError,
    FlagState,
    Gates,
    Snapshot,
    StoreUnavailable,
    UnknownFlag,
)
from flags.stores.base import FlagStore
from flags.stores.open import open_store
from flags.switch import Switch
from tests.contract.conftest import FLAG, TIMEOUT_S, Subject
from tests.servers import free_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPO = "representive_status_enabled"
SECRET = "hunter2-0b1ed"  # noqa: S105
DEADLINE_S = 60

Call = Callable[[FlagStore], object]
CALLS: dict[str, Call] = {
    "get": lambda store: store.get(FLAG),
    "gates": lambda store: store.gates(FLAG),
    "flags": lambda store: store.flags(),
    "set": lambda store: store.set(FLAG, False),
    "replace_gates": lambda store: store.replace_gates(FLAG, Gates()),
}


def state(store: FlagStore) -> FlagState:
    return flag_of(FLAG, store.gates(FLAG)).state


def at_once(calls: Sequence[Callable[[], object]]) -> list[FlagError | None]:
    """Run calls in threads that start together; return what each raised of ours, if anything."""
    gate = threading.Barrier(len(calls))
    raised: list[FlagError | None] = [None] * len(calls)
    broken: list[Exception] = []

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait(DEADLINE_S)
        try:
            call()
        except FlagError as error:
            raised[place] = error
        except Exception as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert broken == []
    return raised


def test_an_unknown_flag_is_refused_and_nothing_is_created(store: FlagStore) -> None:
    for call in (
        lambda: store.gates(TYPO),
        lambda: store.set(TYPO, True),
        lambda: store.set(TYPO, False),
        lambda: store.replace_gates(TYPO, Gates.of(("boolean", "true"))),
    ):
        with pytest.raises(UnknownFlag, match=TYPO):
            call()
    assert store.get(TYPO) is None
    assert [flag.name for flag in store.flags()] == [FLAG]


def test_what_was_set_is_read(store: FlagStore) -> None:
    assert state(store) is FlagState.ON, "as the application created it"
    for wanted in (False, True):
        store.set(FLAG, wanted)
        assert (state(store) is FlagState.ON) is wanted
        item = store.get(FLAG)
        assert item is not None
        assert item.to_dict()["is_enabled"] is wanted
        (flag,) = store.flags()
        assert (flag.name, flag.gates) == (FLAG, store.gates(FLAG))


def test_writing_what_is_there_changes_nothing(store: FlagStore) -> None:
    for wanted in (True, True, False, False):
        store.set(FLAG, wanted)
        written = store.gates(FLAG)
        assert store.replace_gates(FLAG, written) == written
        assert store.replace_gates(FLAG, written, expected=written) == written
        store.set(FLAG, wanted)
        assert store.gates(FLAG) == written


def test_two_handles_see_each_others_writes(subject: Subject) -> None:
    one, other = subject.open(), subject.open()
    assert state(one) is state(other) is FlagState.ON
    one.set(FLAG, False)
    assert state(other) is FlagState.OFF
    other.set(FLAG, True)
    assert state(one) is FlagState.ON


def test_flags_are_listed_by_name(subject: Subject) -> None:
    for name in ("zebra", "apple"):
        subject.create(name, False)
    store = subject.open()
    names = ["apple", FLAG, "zebra"]
    assert [flag.name for flag in store.flags()] == names
    assert [flag.state for flag in store.flags()] == [FlagState.OFF, FlagState.ON, FlagState.OFF]
    assert [item.feature_name for item in store.list()] == names
    assert [item.feature_name for item in store.list(limit=1, offset=1)] == [FLAG]


def test_a_write_over_another_value_than_the_expected_one_is_refused(store: FlagStore) -> None:
    on = store.gates(FLAG)
    off = store.disabled(on)
    store.set(FLAG, False)
    assert store.replace_gates(FLAG, off, expected=on) == off, "wanted is there already"
    with pytest.raises(FlagChanged, match="nothing was written") as refused:
        store.replace_gates(FLAG, store.with_percentage(off, 25), expected=on)
    assert refused.value.found == off
    assert store.gates(FLAG) == off


def test_of_two_writers_that_saw_the_same_exactly_one_wins(subject: Subject) -> None:
    names = lanes(subject)
    one, other = subject.open(), subject.open()
    off = {name: one.disabled(one.gates(name)) for name in names}
    on = {name: one.enabled(gates) for name, gates in off.items()}
    edited = {name: one.with_percentage(gates, 25) for name, gates in off.items()}
    for turn in range(subject.rounds // subject.lanes):
        at_once([partial(one.replace_gates, name, off[name]) for name in names])
        raised = at_once(
            [partial(one.replace_gates, name, on[name], off[name]) for name in names]
            + [partial(other.replace_gates, name, edited[name], off[name]) for name in names]
        )
        for name, first, second in zip(
            names, raised[: subject.lanes], raised[subject.lanes :], strict=True
        ):
            losers = [error for error in (first, second) if error is not None]
            assert [type(error) for error in losers] == [FlagChanged], f"{turn}, {name}: {losers}"
            won = edited[name] if first else on[name]
            assert one.same(won, one.gates(name)), f"{turn}, {name}: the winner's write was lost"


def test_no_other_write_ever_loses_a_disable(subject: Subject) -> None:
    names = lanes(subject)
    one, other = subject.open(), subject.open()
    touched = 0
    for turn in range(subject.rounds // subject.lanes):
        at_once([partial(one.set, name, True) for name in names])
        raised = at_once(
            [partial(one.set, name, False) for name in names]
            + [partial(_touch, other, name, turn) for name in names]
        )
        assert raised[: subject.lanes] == [None] * subject.lanes, turn
        touched += raised[subject.lanes :].count(None)
        for name in names:
            assert not one.gates(name).values("boolean"), f"{turn}, {name}: the disable was lost"
    assert touched > 0, "the other writer never got a word in: no race was seen"


def lanes(subject: Subject) -> list[str]:
    """Flags that are raced for side by side, since watching a write takes a store most time."""
    names = [f"lane_{place}" for place in range(subject.lanes)]
    for name in names:
        subject.create(name, True)
    return names


def _touch(store: FlagStore, name: str, turn: int) -> None:
    """Change something else of the flag, from what was read a moment ago."""
    seen = store.gates(name)
    if seen.values(META):
        item = store.get(name)
        assert item is not None
        meta = FeatureFlagStoreMeta.from_dict(item.meta)
        meta.update(client_data={"turn": turn})
        store.set_meta(name, meta)
    else:
        store.replace_gates(name, store.with_actor(seen, f"User;{turn}", present=True), seen)


def outages() -> list[object]:
    kinds = {
        "sql-sqlite": ("locked",),
        "sql-postgresql": ("stopped", "frozen"),
        "flipper_api": ("stopped", "frozen"),
        "redis": ("stopped", "frozen"),
        "postgres": ("stopped", "frozen"),
        "s3": ("frozen",),
    }
    return [
        pytest.param(kind, outage, id=f"{kind}-{outage}")
        for kind, names in kinds.items()
        for outage in names
    ]


@pytest.mark.parametrize(("subject", "outage"), outages(), indirect=["subject"])
def test_an_outage_is_said_in_time_and_passes(subject: Subject, outage: str) -> None:
    fresh, used = subject.open(TIMEOUT_S), subject.open(TIMEOUT_S)
    on = used.gates(FLAG)
    with subject.outages[outage](), ThreadPoolExecutor(2 * len(CALLS)) as threads:
        # All at once, as the daemon's threads would: none may wait for another's time-out.
        asked = {
            (name, handle): threads.submit(_seconds_until_unavailable, call, store)
            for name, call in CALLS.items()
            for handle, store in (("used", used), ("fresh", fresh))
        }
        took_s = {which: future.result(DEADLINE_S) for which, future in asked.items()}
    assert max(took_s.values()) < TIMEOUT_S + 1, took_s
    for store in (used, fresh):
        assert [flag.name for flag in store.flags()] == [FLAG]
    # A frozen server may still carry out what it had accepted; on or off, it is one of ours.
    assert used.gates(FLAG) in (on, used.disabled(on))
    for wanted in (True, False):
        used.set(FLAG, wanted)
        assert (state(fresh) is FlagState.ON) is wanted


def _seconds_until_unavailable(call: Call, store: FlagStore) -> float:
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"cannot (read|write)"):
        call(store)
    return time.monotonic() - begin


def test_a_restore_gives_back_the_very_gates(subject: Subject) -> None:
    store, other = subject.open(), subject.open()
    switch = Switch(store)
    for rollout in subject.rollouts:
        switch.put(FLAG, rollout)
        before = switch.snapshot(FLAG, NOW)
        # What is not exposure, as client data is, stays the application's.
        assert {row for row in before.gates.rows if row[0] != META} == {
            row for row in rollout.rows if row[0] != META
        }
        assert store.same(rollout, before.gates)
        assert switch.write(FLAG, to=False, expected=before.gates).state is FlagState.OFF
        after = switch.restore(Snapshot.from_json(before.to_json()))
        assert after.gates == before.gates == other.gates(FLAG)


def test_flipper_clients_own_client_works_on_it(store: FlagStore) -> None:
    client = FeatureFlagClient(store)
    assert client.exists(FLAG)
    assert client.is_enabled(FLAG)
    client.disable(FLAG)
    assert client.is_enabled(FLAG) is False
    client.enable(FLAG)
    assert client.is_enabled(FLAG)
    assert [item.name for item in client.list()] == [FLAG]
    assert client.exists(TYPO) is False
    assert client.is_enabled(TYPO, default=False) is False
    with pytest.raises(FlagDoesNotExistError):
        client.disable(TYPO)


def secretive(port: int) -> dict[str, StoreSpec]:
    address, timeout_s = f"someone:{SECRET}@127.0.0.1:{port}", 0.3
    here = f"http://127.0.0.1:{port}"
    return {
        "sql": SqlStore(url=f"postgresql+psycopg://{address}/flags", timeout_s=timeout_s),
        "flipper_api": FlipperApiStore(
            kind="flipper_api", base_url=here, user="someone", password=SECRET, timeout_s=timeout_s
        ),
        "redis": RedisStore(kind="redis", url=f"redis://{address}/0", timeout_s=timeout_s),
        "postgres": PostgresStore(
            kind="postgres", url=f"postgresql://{address}/flags", timeout_s=timeout_s
        ),
        "s3": S3Store(
            kind="s3", bucket="flags", endpoint_url=here, region="x", timeout_s=timeout_s
        ),
    }


@pytest.mark.parametrize("kind", secretive(0))
def test_no_secret_is_in_a_repr_an_error_or_the_log(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    store = open_store(secretive(free_port())[kind])
    said = [repr(store), str(store)]
    for call in CALLS.values():
        with pytest.raises(StoreUnavailable) as unavailable:
            call(store)
        said += [str(unavailable.value), repr(unavailable.value)]
    store.close()
    assert SECRET not in "\n".join([*said, caplog.text])
