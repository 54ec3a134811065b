"""What others write to a flag between two polls: adopted, repeated, or nobody's decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.redis import RedisFeatureFlagStore
from prometheus_client import CollectorRegistry
from redis import Redis

from config.schema import RedisStore
from daemon.engine import Engine
from daemon.guard import Phase
from daemon.guard.messages import OperatorAsked
from daemon.history import audit, pending_flips
from daemon.journal import Journal
from daemon.metrics import Metrics
from flags.model import Flag, Gates, StoreUnavailable
from flags.stores.base import DISABLED, ENABLED
from flags.stores.open import open_store
from flags.switch import Switch
from tests.daemon.build import FLAG, config
from tests.daemon.desk import Desk

GUARD = "shield"


class Shared:
    """An engine on a Redis that an application's plain flipper-client writes too."""

    def __init__(self, folder: Path, url: str) -> None:
        spec = RedisStore(kind="redis", url=url)
        self.store = open_store(spec)
        self.redis = Redis.from_url(url)
        self.application = FeatureFlagClient(RedisFeatureFlagStore(self.redis))
        self.application.create(FLAG, True)
        whole = config(folder).model_copy(update={"store": spec})
        self.journal = Journal(whole.journal.path)
        self.metrics = Metrics(CollectorRegistry(), whole.metrics.duration_buckets_s)
        switch = Switch(self.store)
        self.engine = Engine(whole, self.journal, switch, self.metrics, lambda _order: None)
        self.engine.start()
        self.engine.poll_flags()

    def kill(self) -> None:
        self.engine.ask(GUARD, OperatorAsked("trip", "ann", "wrong names"))

    def phase(self) -> Phase:
        return self.engine.phases()[GUARD]

    def actions(self) -> list[str]:
        return [row.action for row in audit(self.journal)]

    def close(self) -> None:
        self.store.close()
        self.redis.close()
        self.journal.close()


@pytest.fixture
def shared(tmp_path: Path, redis_url: str) -> Iterator[Shared]:
    made = Shared(tmp_path, redis_url)
    yield made
    made.close()


def late(shared: Shared) -> Callable[[], object]:
    """An application that read the flag before our kill and writes it back when it likes."""
    stale = shared.redis.get(f"features/{FLAG}")
    assert stale is not None
    written = stale.replace(b'"client_data": {}', b'"client_data": {"seen": 1}')
    assert written != stale
    return lambda: shared.redis.set(f"features/{FLAG}", written)


def test_a_kill_that_an_applications_late_write_undid_is_written_again(shared: Shared) -> None:
    write_back = late(shared)
    shared.kill()
    write_back()
    assert shared.application.is_enabled(FLAG)
    shared.engine.poll_flags()
    shared.engine.apply_pending()
    assert not shared.application.is_enabled(FLAG)
    assert shared.application.get(FLAG).get_client_data() == {"seen": 1}
    assert shared.phase() is Phase.KILLED_UNVERIFIED
    assert shared.actions() == ["trip", "flip", "flip"]
    lost = {"flag": FLAG, "kind": "lost_update"}
    assert shared.metrics.registry.get_sample_value("tripflag_flag_drifts_total", lost) == 1


def test_a_kill_to_be_written_again_is_no_persons_change_while_the_store_refuses_it(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_back = late(shared)
    shared.kill()
    write_back()
    shared.engine.poll_flags()

    def refuse(*_: object) -> Gates:
        raise StoreUnavailable("write", FLAG, OSError("busy"))

    monkeypatch.setattr(shared.store, "replace_gates", refuse)
    shared.engine.apply_pending()
    assert len(pending_flips(shared.journal)) == 1
    shared.engine.poll_flags()
    assert shared.phase() is Phase.KILLED_UNVERIFIED
    assert shared.actions() == ["trip", "flip"]


def test_a_person_who_turns_it_on_again_is_adopted_and_not_fought(shared: Shared) -> None:
    shared.kill()
    shared.application.enable(FLAG)
    shared.engine.poll_flags()
    shared.engine.apply_pending()
    assert shared.application.is_enabled(FLAG)
    assert shared.phase() is Phase.HUMAN_ON
    assert shared.actions() == ["trip", "flip", "adopted"]


def test_an_applications_own_data_beside_the_gates_is_nobodys_decision(shared: Shared) -> None:
    shared.application.set_client_data(FLAG, {"owner": "team"})
    shared.engine.poll_flags()
    assert shared.actions() == []
    shared.kill()
    assert shared.actions() == ["trip", "flip"]
    shared.application.set_client_data(FLAG, {"owner": "other team"})
    shared.engine.poll_flags()
    assert shared.actions() == ["trip", "flip"]


def test_an_operators_write_is_not_refused_for_an_applications_own_data(shared: Shared) -> None:
    seen = shared.store.gates(FLAG)
    shared.application.set_client_data(FLAG, {"owner": "team"})
    shared.engine.put(FLAG, shared.store.disabled(seen), seen, "ann", "because")
    assert not shared.application.is_enabled(FLAG)


def test_a_poll_while_an_operators_flip_is_owed_adopts_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.engine.poll_flags()
    real = desk.store.replace_gates

    def written_but_not_heard(flag: str, wanted: Gates, expected: Gates | None = None) -> Gates:
        real(flag, wanted, expected)
        raise StoreUnavailable("write", FLAG, OSError("the line broke"))

    monkeypatch.setattr(desk.store, "replace_gates", written_but_not_heard)
    desk.engine.put(FLAG, DISABLED, ENABLED, "ann", "because")
    assert desk.gates == DISABLED
    desk.wait(0.01).engine.poll_flags()
    assert list(audit(desk.journal)) == []
    monkeypatch.undo()
    desk.wait().engine.apply_pending()
    (row,) = audit(desk.journal)
    assert (row.actor, row.action) == ("ann", "flip")
    assert desk.phase is Phase.HUMAN_OFF


def test_a_read_from_before_our_own_write_is_compared_with_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.engine.poll_flags()
    real = desk.store.flags

    def read_then_kill() -> tuple[Flag, ...]:
        monkeypatch.undo()
        found = real()
        desk.trip()
        return found

    monkeypatch.setattr(desk.store, "flags", read_then_kill)
    desk.engine.poll_flags()
    assert [row.action for row in audit(desk.journal)] == ["flip"]
    assert desk.phase is Phase.KILLED_UNVERIFIED
    assert not desk.engine.mirror.reading.flags[FLAG].exposing


NAMED = Gates.of(("actors", "User;1"))


def test_a_reset_does_not_undo_what_a_person_wrote_since_the_last_poll(desk: Desk) -> None:
    desk.engine.poll_flags()
    desk.trip().proof()
    desk.store.replace_gates(FLAG, NAMED)
    desk.ask("reset", "mended")
    assert desk.gates == NAMED
    assert desk.phase is Phase.HUMAN_ON
    desk.wait().engine.poll_flags()
    assert [row.action for row in audit(desk.journal)] == ["flip", "reset", "adopted"]
    assert list(pending_flips(desk.journal)) == []


@pytest.mark.parametrize("person", [None, NAMED])
def test_a_reset_knows_its_own_kill_that_was_written_but_not_heard_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, person: Gates | None
) -> None:
    desk.engine.poll_flags()
    real = desk.store.replace_gates

    def written_but_not_heard(flag: str, wanted: Gates, expected: Gates | None = None) -> Gates:
        real(flag, wanted, expected)
        raise StoreUnavailable("write", FLAG, OSError("the line broke"))

    monkeypatch.setattr(desk.store, "replace_gates", written_but_not_heard)
    desk.trip()
    assert (desk.gates, desk.phase) == (DISABLED, Phase.KILL_FAILED)
    monkeypatch.undo()
    if person is not None:
        desk.store.replace_gates(FLAG, person)
    desk.ask("reset", "false alarm").wait().engine.apply_pending()
    assert desk.gates == (person or ENABLED)
    assert list(pending_flips(desk.journal)) == []


def test_a_read_that_began_while_we_wrote_is_compared_with_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = desk.engine._ledger
    desk.engine.poll_flags()
    write = ledger.write
    reads: list[tuple[tuple[Flag, ...], int]] = []

    def read_first(*order: Any) -> Flag:
        reads.append(ledger.read())  # a poll, just before our write is there
        return write(*order)

    monkeypatch.setattr(ledger, "write", read_first)
    desk.trip().proof()
    ((read, stamp),) = reads
    assert read[0].exposing

    assert ledger.adopt(read, stamp, {FLAG}, desk.now).drifts == ()

    monkeypatch.undo()
    assert desk.ask("reset").phase is Phase.ARMED, "nobody but us wrote it"
