"""PURE: the audit's rows and the hash chain that holds them together.

Each row's hash covers its content and the hash of the row before it: whoever changes, inserts or
removes a row breaks the chain from there on, and `first_broken` names the place. Only cutting rows
off the end leaves no trace here; an export kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

#: Hash before the first row.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Signed:
    """Who acts, why, and in which request: what every operator's act carries into the audit."""

    by: str
    reason: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write to a flag, ours or adopted, or one act of an operator.

    `actor`: the person, `guard`, or whoever wrote past us, as far as the store can tell. `action`:
    `flip` (ours), `adopted` (found by a poll), `circuit`, or the operator's verb. `before` and
    `after`: of a flag the gates as JSON, such as `[["boolean", "true"]]`. `request_id`: of the
    API's request, or `decision:N`. `subject`: what was acted on where that is no flag, such as
    `guard assessment`.
    """

    id: int
    at: datetime
    actor: str
    action: str
    flag: str
    before: str
    after: str
    reason: str
    request_id: str
    prev: str = GENESIS
    hash: str = ""
    subject: str = ""

    def sealed(self, prev: str) -> AuditEntry:
        """Return the entry behind `prev`, with its hash."""
        linked = replace(self, prev=prev, hash="")
        return replace(linked, hash=linked.digest())

    def digest(self) -> str:
        """Hash of everything but the hash itself: SHA-256 over canonical JSON, in hex."""
        content = self.document()
        del content["hash"]
        # Rows of before there were subjects keep the hash that they have.
        if not self.subject:
            del content["subject"]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def document(self) -> dict[str, object]:
        """Return what an export's line holds."""
        document = asdict(self)
        document["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return document

    @classmethod
    def of(cls, document: dict[str, object]) -> AuditEntry:
        """Rebuild what `document` returned.

        Raises:
            ValueError: it is not the document of an entry.
        """
        try:
            content = dict(document)
            at = datetime.fromisoformat(str(content.pop("at")))
            number = int(str(content.pop("id")))
            return cls(id=number, at=at, **{key: str(value) for key, value in content.items()})
        except (KeyError, TypeError, ValueError) as cause:
            raise ValueError(f"not a row of the audit: {cause}") from None


@dataclass(frozen=True, slots=True)
class Broken:
    """The first link that does not hold."""

    id: int
    why: str


def first_broken(entries: Iterable[AuditEntry]) -> Broken | None:
    """Follow the chain from its first row; return the first broken link, None where all hold."""
    prev, last = GENESIS, 0
    for entry in entries:
        if entry.id != last + 1:
            return Broken(entry.id, f"row {last + 1} is missing before it")
        if entry.prev != prev:
            return Broken(entry.id, "it does not follow from the row before it")
        if entry.digest() != entry.hash:
            return Broken(entry.id, "its content is not what was written")
        prev, last = entry.hash, entry.id
    return None
