"""The daemon itself: journal, web, metrics, browser, pools, uplink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from config.schema.base import HttpUrl, Seconds, Strict


class JournalSpec(Strict):
    path: Path
    artifacts: Path | None = Field(None, description="Evidence folder; default: beside `path`.")
    artifacts_keep: Annotated[int, Field(ge=1)] = Field(
        200, description="Runs whose evidence is kept."
    )
    runs_keep_days: Annotated[float, Field(gt=0)] = 30

    @property
    def artifacts_folder(self) -> Path:
        """Folder of evidence."""
        return self.artifacts or self.path.parent / "artifacts"


class Tokens(Strict):
    viewer: SecretStr | None = None
    operator: SecretStr | None = None


class WebSpec(Strict):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="0: any free one.")] = 8700
    tokens: Tokens = Tokens()
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

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    recycle_after_runs: Annotated[int, Field(ge=1)] = 100
    hard_margin_s: Seconds = Field(5, description="Past a run's timeout, before it is killed.")


class UplinkSpec(Strict):
    """Well-known addresses of the operator's: when none answers, the fault is on our side."""

    urls: tuple[HttpUrl, ...] = ()
    timeout_s: Seconds = 2
