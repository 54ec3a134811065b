"""The daemon itself: journal, web, metrics, browser, pools, uplink."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.schema.base import HttpUrl, Name, Seconds, Strict


def _pattern(value: str) -> str:
    try:
        found = re.compile(value)
    except re.error as cause:
        raise ValueError(f"is no regular expression: {cause}") from None
    if found.search(""):
        raise ValueError("matches the empty text: it would mask everything")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


class JournalSpec(Strict):
    path: Path
    artifacts: Path | None = Field(None, description="Evidence folder; default: beside `path`.")
    artifacts_keep: Annotated[int, Field(ge=1)] = Field(
        200, description="Runs whose evidence is kept; those that failed are kept longest."
    )
    artifacts_keep_days: Annotated[float, Field(gt=0)] = 30
    artifacts_max_mb: Annotated[float, Field(gt=0)] = Field(
        2048, description="Evidence of all runs together."
    )
    runs_keep_days: Annotated[float, Field(gt=0)] = 30

    @property
    def artifacts_folder(self) -> Path:
        """Folder of evidence."""
        return self.artifacts or self.path.parent / "artifacts"


class Tokens(Strict):
    """Tokens that are there from the start; `tripflag token` makes others, one for each person."""

    viewer: SecretStr | None = None
    operator: SecretStr | None = None
    admin: SecretStr | None = None


class WebSpec(Strict):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="0: any free one.")] = 8700
    tokens: Tokens = Tokens()
    public_url: HttpUrl | None = Field(
        None, description="Where people reach the dashboard; https: cookies are sent over TLS only."
    )
    status_page: bool = Field(
        False, description="Show /status, a page of states without details, to everybody."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Further names in Host headers; loopback names and `host` always count."
    )
    serve_flags: bool = Field(
        True, description="Answer applications without a token: OFREP and /v0/feature_toggles."
    )
    flag_origins: tuple[str, ...] = Field(
        ("*",), description="Origins whose pages may read those answers; * stands for all."
    )


class MetricsSpec(Strict):
    duration_buckets_s: tuple[float, ...] = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)


class BrowserSpec(Strict):
    executable: Path | None = None
    args: tuple[str, ...] = ()


class PoolSpec(Strict):
    """Worker processes of one location."""

    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="The last of several is kept free for a guard while it decides."
    )
    recycle_after_runs: Annotated[int, Field(ge=1)] = 100
    hard_margin_s: Seconds = Field(5, description="Past a run's timeout, before it is killed.")


class UplinkSpec(Strict):
    """Well-known addresses of the operator's: when none answers, the fault is on our side."""

    urls: tuple[HttpUrl, ...] = ()
    timeout_s: Seconds = 2


class PrivacySpec(Strict):
    """What is masked before anything of a run is stored, logged or sent."""

    patterns: dict[Name, Pattern] = Field(
        default_factory=dict, description="Regular expressions beside the built-in ones, by name."
    )
    built_in: tuple[Literal["email", "ssn", "phone"], ...] = ("email", "ssn", "phone")
    black_out: tuple[str, ...] = Field(
        (), description="CSS selectors of what is blacked out in screenshots, beside all inputs."
    )
