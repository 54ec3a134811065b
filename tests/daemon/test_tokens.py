"""Tokens on a real journal: made, found, ended, and what may not be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select

from daemon.audit import AuditEntry, Signed, first_broken
from daemon.bearer import RESERVED, Role, Token, TokenRefused, UnknownToken, check_name
from daemon.journal import Journal, JournalError
from daemon.tables import AUDIT
from daemon.tokens import Tokens

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PAT = Signed("pat", "new colleague", "request-1")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


@pytest.fixture
def tokens(journal: Journal) -> Tokens:
    return Tokens(journal)


def admin(tokens: Tokens, name: str = "root") -> Token:
    return tokens.create(name, Role.ADMIN, PAT, NOW)[0]


def audited(journal: Journal) -> list[AuditEntry]:
    with journal.reading() as db:
        rows = db.execute(select(AUDIT).order_by(AUDIT.c.id)).all()
    return [AuditEntry(**row._mapping) for row in rows]


def test_a_token_is_found_by_its_secret_and_the_secret_is_kept_nowhere(
    tokens: Tokens, journal: Journal
) -> None:
    token, secret = tokens.create("alice@site.example", Role.ADMIN, PAT, NOW)
    assert len(secret) == 46
    assert secret.startswith("tf_")
    assert len(token.id) == 8
    assert tokens.find(secret.encode()) == token
    assert tokens.find(secret[:-1].encode()) is None
    assert tokens.find(b"") is None
    assert Tokens(journal).find(secret.encode()) == token  # as after a restart
    journal.close()
    files = list(journal.path.parent.glob("journal.sqlite*"))
    assert files
    assert not [each for each in files if secret.encode() in each.read_bytes()]


def test_making_and_revoking_are_one_row_of_the_audit_each(
    tokens: Tokens, journal: Journal
) -> None:
    token = admin(tokens)
    tokens.revoke("root", Signed("sam", "left us", "request-2"), NOW + timedelta(hours=1))
    tokens.revoke(token.id, PAT, NOW + timedelta(hours=2))  # once more: nothing to do
    rows = audited(journal)
    assert [(row.actor, row.action, row.subject, row.reason) for row in rows] == [
        ("pat", "token-create", "token root", "new colleague"),
        ("sam", "token-revoke", "token root", "left us"),
    ]
    assert token.id in rows[0].after
    assert first_broken(rows) is None


def test_a_dead_token_is_found_with_the_reason_why_it_opens_nothing(tokens: Tokens) -> None:
    admin(tokens)
    end = NOW + timedelta(days=1)
    _, secret = tokens.create("ci", Role.VIEWER, PAT, NOW, expires_at=end)
    found = tokens.find(secret.encode())
    assert found is not None
    assert found.dead(end - timedelta(microseconds=1)) is None
    assert found.dead(end) == "expired at 2026-03-05 12:00 UTC"
    tokens.revoke("ci", Signed("sam", "unused"), NOW)
    found = tokens.find(secret.encode())
    assert found is not None
    assert found.dead(NOW) == "was revoked at 2026-03-04 12:00 UTC by sam"


@pytest.mark.parametrize("name", ["", "Alice", "1alice", "a b", "a\n", "a" * 64, "tökén", "-a"])
def test_a_bad_name_is_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(TokenRefused, match="begin with a lower-case letter"):
        tokens.create(name, Role.ADMIN, PAT, NOW)
    assert tokens.list() == ()


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_that_means_something_else_in_the_audit_is_refused(
    tokens: Tokens, name: str
) -> None:
    with pytest.raises(TokenRefused, match="a meaning of its own"):
        tokens.create(name, Role.ADMIN, PAT, NOW)


@given(st.from_regex(r"\A[a-z][a-z0-9_.@-]{0,62}\Z").filter(lambda name: name not in RESERVED))
def test_every_other_name_of_that_form_is_taken(name: str) -> None:
    check_name(name)


def test_a_name_is_free_again_once_its_token_is_dead(tokens: Tokens) -> None:
    admin(tokens)
    end = NOW + timedelta(days=1)
    first, _ = tokens.create("ci", Role.VIEWER, PAT, NOW, expires_at=end)
    with pytest.raises(TokenRefused, match="a live token is named 'ci': revoke it"):
        tokens.create("ci", Role.VIEWER, PAT, end - timedelta(seconds=1))
    second, _ = tokens.create("ci", Role.VIEWER, PAT, end)
    assert tokens.get("ci", end) == second
    assert tokens.get(first.id, end) == first


def test_an_end_that_is_past_is_refused(tokens: Tokens) -> None:
    with pytest.raises(TokenRefused, match="is past: name a later one"):
        tokens.create("ci", Role.ADMIN, PAT, NOW, expires_at=NOW)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_the_first_token_is_an_administrators_or_nobody_could_make_another(
    tokens: Tokens, role: Role
) -> None:
    with pytest.raises(TokenRefused, match="the first token must be an administrator's"):
        tokens.create("alice", role, PAT, NOW)
    assert not tokens.any_kept()
    tokens.create("alice", role, PAT, NOW, admin_configured=True)
    assert tokens.any_kept()


def test_the_last_administrator_stays_while_other_tokens_stand(tokens: Tokens) -> None:
    admin(tokens)
    tokens.create("ci", Role.VIEWER, PAT, NOW)
    with pytest.raises(TokenRefused, match="root is the last administrator"):
        tokens.revoke("root", PAT, NOW)
    assert tokens.get("root", NOW).dead(NOW) is None
    admin(tokens, "second")
    tokens.revoke("root", PAT, NOW)
    with pytest.raises(TokenRefused, match="second is the last administrator"):
        tokens.revoke("second", PAT, NOW)
    tokens.revoke("ci", PAT, NOW)
    tokens.revoke("second", PAT, NOW)
    assert not tokens.any_kept()


def test_the_last_administrator_may_go_where_the_configuration_has_another(tokens: Tokens) -> None:
    admin(tokens)
    tokens.create("ci", Role.VIEWER, PAT, NOW)
    tokens.revoke("root", PAT, NOW, admin_configured=True)
    assert tokens.any_kept()


def test_an_expired_token_keeps_the_door_shut_but_is_no_administrator(tokens: Tokens) -> None:
    end = NOW + timedelta(days=1)
    tokens.create("root", Role.ADMIN, PAT, NOW, expires_at=end)
    assert tokens.any_kept()
    with pytest.raises(TokenRefused, match="the first token must be an administrator's"):
        tokens.create("ci", Role.VIEWER, PAT, end)


def test_what_is_unknown_is_said(tokens: Tokens) -> None:
    with pytest.raises(UnknownToken, match="no token has the id or name 'nobody'"):
        tokens.revoke("nobody", PAT, NOW)
    with pytest.raises(UnknownToken):
        tokens.get("nobody", NOW)


def test_what_a_check_finds_in_the_transaction_stops_a_revocation(tokens: Tokens) -> None:
    admin(tokens)

    def check(token: Token) -> None:
        raise ValueError(token.name)

    with pytest.raises(ValueError, match="root"):
        tokens.revoke("root", PAT, NOW, check=check)
    assert tokens.get("root", NOW).dead(NOW) is None


def test_last_use_is_written_at_most_once_a_minute(tokens: Tokens, journal: Journal) -> None:
    token = admin(tokens)
    tokens.list()
    written: list[str] = []
    event.listen(
        journal.engine,
        "before_cursor_execute",
        lambda _c, _k, sql, *_: written.append(sql) if sql.startswith("UPDATE tokens") else None,
    )
    for second in (0, 1, 59):
        tokens.used(token, NOW + timedelta(seconds=second))
    assert len(written) == 1
    assert Tokens(journal).get("root", NOW).used_at == NOW
    tokens.used(token, NOW + timedelta(seconds=60))
    assert len(written) == 2
    assert Tokens(journal).get("root", NOW).used_at == NOW + timedelta(seconds=60)


def test_a_journal_that_is_away_locks_nobody_out(tokens: Tokens, journal: Journal) -> None:
    token, secret = tokens.create("root", Role.ADMIN, PAT, NOW)
    assert tokens.find(secret.encode()) == token
    with sqlite3.connect(journal.path) as other:
        other.execute("ALTER TABLE tokens RENAME TO gone")
    tokens.used(token, NOW)
    assert tokens.find(secret.encode()) is not None
    with pytest.raises(JournalError):
        tokens.create("other", Role.ADMIN, PAT, NOW)
    with pytest.raises(JournalError):
        Tokens(journal).find(secret.encode())


def test_every_request_asks_memory_only(tokens: Tokens, journal: Journal) -> None:
    _, secret = tokens.create("root", Role.ADMIN, PAT, NOW)
    tokens.find(secret.encode())
    asked: list[str] = []
    event.listen(journal.engine, "before_cursor_execute", lambda _c, _k, sql, *_: asked.append(sql))
    for _ in range(100):
        assert tokens.find(secret.encode()) is not None
        assert tokens.any_kept()
    assert asked == []
