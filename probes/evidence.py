"""Save what helps to understand a bad run; what cannot be saved never changes what the run says."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.schema import JourneyProbe, PrivacySpec, TargetSpec
from probes.browser import BadSelector, PlaywrightError, Session
from probes.model import BLACK_OUT, DISK_FULL, MASKING, NOT_WRITABLE, Artifact
from probes.privacy import Mask
from probes.redact import redact_trace, secrets_of
from probes.trace import NotCleaned

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(slots=True)
class Evidence:
    """Evidence of one run in a folder of its own, named by the run's id.

    `until`: `time.monotonic()` at which the run's time is over. `kept`: what is there, whole.
    `problem`: why something else is not.
    """

    root: Path
    run: str
    until: float
    kept: list[Artifact] = field(default_factory=list)
    problem: str = ""

    def screenshot(self, session: Session, privacy: PrivacySpec) -> None:
        """Keep a picture of the page, fields and personal data blacked out."""

        def save(path: Path) -> bool:
            picture = session.screenshot(privacy)
            return picture is not None and bool(path.write_bytes(picture))

        self._keep("screenshot", "screenshot.png", save)

    def trace(
        self, session: Session, probe: JourneyProbe, target: TargetSpec, privacy: PrivacySpec
    ) -> None:
        """Keep a trace without secrets and personal data; not cleaned, it is not kept."""

        def save(path: Path) -> bool:
            with suppress(PlaywrightError):
                secrets = secrets_of(probe, target) | session.cookie_values()
                if session.stop_trace(path):
                    redact_trace(path, secrets, Mask(privacy), self.until)
                    return True
                _make_sure_of(path)
            return False

        self._keep("trace", "trace.zip", save)

    def _keep(self, kind: str, name: str, save: Callable[[Path], bool]) -> None:
        folder = self.root / self.run
        path, whole = folder / name, False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            whole = save(path)
        except BadSelector as cause:
            self._lost(BLACK_OUT, str(cause))
        except NotCleaned as cause:
            self._lost(MASKING, f"the trace could not be cleaned of personal data: {cause}")
        except OSError as cause:
            words = f"{cause.strerror or cause} at {path}"
            self._lost(DISK_FULL if cause.errno in _FULL else NOT_WRITABLE, words)
        finally:
            if not whole:
                for tidy_up in (path.unlink, folder.rmdir):
                    with suppress(OSError):
                        tidy_up()
        if whole:
            self.kept.append(Artifact(kind, f"{self.run}/{name}"))

    def _lost(self, kind: str, words: str) -> None:
        self.problem = self.problem or f"{kind}: {words}"


def _make_sure_of(path: Path) -> None:
    """Raise the error of a disk that the browser was told of, and did not pass on.

    Raises:
        OSError: a small file cannot be written either.
    """
    path.write_bytes(bytes(1_000_000))
