"""The assessment's memory: sessions, their answers and their reference numbers."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

MAX_SESSIONS = 500
MAX_AGE = 130
MAX_NOTE = 2000
HEALTH = ("Good", "Fair", "Poor")

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"name": "age", "label": "How old are you?", "kind": "number", "min": 0, "max": MAX_AGE},
    {
        "name": "health",
        "label": "How would you rate your health?",
        "kind": "select",
        "options": list(HEALTH),
    },
    {"name": "note", "label": "What should we know?", "kind": "textarea", "max_length": MAX_NOTE},
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answered; None: not answered (yet)."""

    age: int | None = None
    health: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the answers by question name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Session:
    """One person's way through the assessment."""

    id: str
    answers: Answers = Answers()
    saved: bool = False
    reference: str | None = None


class DeskError(Exception):
    """A request that the desk refuses; `status` is the HTTP answer to it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def read_answers(body: Any) -> Answers:
    """Turn a request's JSON into answers.

    Raises:
        DeskError: 422, naming the question and what its answer must be.
    """
    if not isinstance(body, dict):
        raise DeskError(422, "the body must be a JSON object with age, health and note")
    names = {question["name"] for question in QUESTIONS}
    for name in sorted(body.keys() - names):
        raise DeskError(422, f"{name!r} is not a question; there are age, health and note")
    age, health, note = body.get("age"), body.get("health"), body.get("note", "")
    if not isinstance(age, int) or isinstance(age, bool) or not 0 <= age <= MAX_AGE:
        raise DeskError(422, f"age must be a whole number from 0 to {MAX_AGE}")
    if health not in HEALTH:
        raise DeskError(422, f"health must be one of {', '.join(HEALTH)}")
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise DeskError(422, f"note must be text of at most {MAX_NOTE} characters")
    return Answers(age, health, note)


class Desk:
    """Sessions in memory, for any number of threads; the oldest make room for new ones."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._lock = Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._max_sessions = max_sessions

    def open(self) -> Session:
        """Begin a session."""
        session = Session(secrets.token_urlsafe(12))
        with self._lock:
            self._sessions[session.id] = session
            while len(self._sessions) > self._max_sessions:
                self._sessions.popitem(last=False)
        return session

    def find(self, session_id: str) -> Session:
        """Return a session.

        Raises:
            DeskError: 404, no such session (any more).
        """
        with self._lock:
            return self._find(session_id)

    def find_submitted(self, session_id: str) -> Session:
        """Return a session that has its reference number.

        Raises:
            DeskError: 404; 409 while it is not submitted.
        """
        session = self.find(session_id)
        if session.reference is None:
            raise DeskError(409, "this assessment is not submitted yet")
        return session

    def save(self, session_id: str, answers: Answers) -> Session:
        """Replace a session's answers.

        Raises:
            DeskError: 404; 409 once the session is submitted.
        """

        def change(session: Session) -> Session:
            if session.reference is not None:
                raise DeskError(409, "this assessment is submitted and cannot be changed")
            return replace(session, answers=answers, saved=True)

        return self._change(session_id, change)

    def submit(self, session_id: str) -> Session:
        """Give the session its reference number; submitting again returns the same one.

        Raises:
            DeskError: 404; 409 while no answers are saved.
        """

        def change(session: Session) -> Session:
            if not session.saved:
                raise DeskError(409, "there are no answers to submit: save them first")
            reference = session.reference or f"ASM-{secrets.token_hex(4).upper()}"
            return replace(session, reference=reference)

        return self._change(session_id, change)

    def _change(self, session_id: str, change: Callable[[Session], Session]) -> Session:
        with self._lock:
            session = change(self._find(session_id))
            self._sessions[session_id] = session
            return session

    def _find(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise DeskError(404, "no such session: start the assessment again")
        return session
