"""The whole configuration file as frozen models. No I/O: reading and positions are `load.py`'s.

Durations are seconds and end in `_s`; limits are reached at `>=`. Each mapping's key is the name of
the thing below it, and is copied into that thing's `name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
FlagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,127}$")]
Seconds = Annotated[float, Field(gt=0, le=604_800)]


def http_url(value: str) -> str:
    """Accept an absolute http or https URL and return it without a trailing slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(http_url)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error, so that a misspelt limit is never silently unset."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(Strict):
    name: Annotated[str, Field(exclude=True, json_schema_extra={"readOnly": True})] = ""


class TargetSpec(Named):
    """Site under watch."""

    base_url: HttpUrl
    api_url: HttpUrl | None = Field(None, description="The API's origin; default: base_url.")
    cookies: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Set in every browser; pin FLIPPER_ID here."
    )
    block: tuple[str, ...] = Field(
        (), description="URL globs that probes must not load, such as analytics hosts."
    )
    storage_state_file: Path | None = Field(
        None, description="Playwright storage state of a signed-in synthetic user."
    )

    @property
    def api(self) -> str:
        """Origin of the site's API."""
        return self.api_url or self.base_url


class Viewport(Strict):
    width: Annotated[int, Field(ge=200, le=4000)] = 1280
    height: Annotated[int, Field(ge=200, le=4000)] = 900


class SoftLimits(Strict):
    """Passing one of these makes a finished run `degraded`."""

    duration_s: Seconds | None = None
    lcp_s: Seconds | None = None
    inp_s: Seconds | None = None
    cls: Annotated[float, Field(gt=0)] | None = None
    ttfb_s: Seconds | None = None


class ProbeBase(Named):
    target: Name
    interval_s: Seconds | None = Field(
        60, description="null: runs only on demand, as controls and proofs do."
    )
    fast_interval_s: Seconds = Field(5, description="Pace while a guard is suspicious.")
    timeout_s: Seconds = Field(30, description="Whole run, evidence included.")
    locations: tuple[Name, ...] = ("local",)
    soft_limits: SoftLimits = SoftLimits()


class JourneyProbe(ProbeBase):
    """Scripted user flow in a real browser."""

    kind: Literal["journey"] = "journey"
    journey: Name
    params: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the journey itself defines; checked at start."
    )
    cookies: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Added to the target's."
    )
    storage_state_file: Path | None = None
    locale: str = "en-US"
    timezone: str = "America/New_York"
    viewport: Viewport = Viewport()
    force_flags: dict[FlagName, bool] = Field(
        default_factory=dict,
        description="Toggle values rewritten in flight, for this probe's own browser only.",
    )


class JsonExpectation(Strict):
    path: str = Field(description="RFC 9535 JSONPath; the first match is compared.")
    equals: str | int | float | bool | None


class RequestProbe(ProbeBase):
    """One HTTP request and what its answer must be."""

    kind: Literal["request"]
    method: Literal["GET", "HEAD", "POST"] = "GET"
    path: str = "/"
    origin: Literal["base", "api"] = "base"
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    body: str | None = Field(None, repr=False)
    status: tuple[int, ...] = (200,)
    json_expect: tuple[JsonExpectation, ...] = ()
    tls_days_left: Annotated[int, Field(ge=1)] | None = None


ProbeSpec = JourneyProbe | RequestProbe


class RuleBase(Strict):
    severity: Annotated[int, Field(ge=1, le=4, description="1 critical .. 4 low")] = 1
    probes: tuple[Name, ...] | None = Field(None, description="Default: all of the guard's probes.")


class ConsecutiveFailures(RuleBase):
    rule: Literal["consecutive_failures"]
    limit: Annotated[int, Field(ge=1)]


class FailureRatio(RuleBase):
    rule: Literal["failure_ratio"]
    limit: Annotated[float, Field(gt=0, le=1)]
    window_s: Seconds
    min_runs: Annotated[int, Field(ge=1)] = 5


class StepDuration(RuleBase):
    rule: Literal["step_duration"]
    step: str
    limit_s: Seconds
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


class VitalOverLimit(RuleBase):
    rule: Literal["vital"]
    vital: Literal["ttfb_s", "fcp_s", "lcp_s", "cls", "inp_s", "fid_s", "tbt_s", "tti_s"]
    limit: Annotated[float, Field(gt=0)]
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


RuleSpec = Annotated[
    ConsecutiveFailures | FailureRatio | StepDuration | VitalOverLimit, Field(discriminator="rule")
]


class Propagation(Strict):
    """How long a written flip may take to reach browsers, caches included."""

    budget_s: Seconds = 90
    retry_s: Seconds = 1


class GuardSpec(Named):
    """What binds probes, rules and a control to a flag and its fallback."""

    flag: FlagName
    act: Literal["disable_flag", "fallback"] = Field(
        "disable_flag", description="fallback: the act is turning this flag ON."
    )
    mode: Literal["observe", "enforce"] = "observe"
    probes: tuple[Name, ...] = Field(min_length=1)
    control: Name = Field(description="On-demand probe: the same page, the act's effect forced.")
    proof: Name = Field(description="On-demand probe: what users must see after the act.")
    rules: tuple[RuleSpec, ...] = Field(min_length=1)
    confirmations: Annotated[int, Field(ge=1, le=10)] = Field(
        2, description="Valid runs after the first breach, the rule still being breached."
    )
    clear_passes: Annotated[int, Field(ge=1)] = 2
    blind_after: Annotated[int, Field(ge=2)] = Field(
        5, description="So many runs in a row that could not judge make the guard BLIND."
    )
    control_max_age_s: Seconds = 30
    propagation: Propagation = Propagation()
    kills_per_day: Annotated[int, Field(ge=1)] = 3
    human_on_s: Seconds = Field(
        3600, description="After a person turns the flag on, hands off for so long."
    )

    @property
    def acts_to(self) -> bool:
        """Value that the act writes; the other one is the value under which users are exposed."""
        return self.act == "fallback"


class AfterWrite(Strict):
    """What else the application's own write would do: forget caches, tell its audit."""

    redis_url: str | None = Field(
        None, repr=False, description="Redis with Flipper's cache; its keys are deleted."
    )
    key_prefix: str = Field("", description="Of Flipper's cache keys, such as Rails's namespace.")
    more_keys: tuple[str, ...] = Field((), description="Deleted too; {flag} is the flag's name.")
    toggle_event: bool = Field(
        False, description="Add vets-api's FeatureToggleEvent row, where that table is there."
    )


class StoreBase(Strict):
    timeout_s: Seconds = 5
    poll_s: Seconds = Field(2, description="How often flags are read, to notice people.")


class SqlStore(StoreBase):
    """Ruby Flipper's ActiveRecord tables."""

    kind: Literal["sql"] = "sql"
    url: str = Field(repr=False, description="SQLAlchemy URL; Ruby Flipper's tables are there.")
    after_write: AfterWrite = AfterWrite()


class FlipperApiStore(StoreBase):
    """Ruby Flipper's HTTP API (flipper-api)."""

    kind: Literal["flipper_api"]
    base_url: HttpUrl = Field(description="Where flipper-api is mounted.")
    token: SecretStr | None = Field(None, description="Bearer token.")
    user: str | None = Field(None, description="For basic authentication.")
    password: SecretStr | None = None


class RedisStore(StoreBase):
    """flipper-client's own Redis store."""

    kind: Literal["redis"]
    url: str = Field(repr=False, description="redis://user:password@host:port/db")
    base_key: Annotated[str, Field(min_length=1)] = "features"


class PostgresStore(StoreBase):
    """flipper-client's own PostgreSQL store."""

    kind: Literal["postgres"]
    url: str = Field(repr=False, description="postgresql://user:password@host:port/database")
    table: str = "feature_flags"
    name_column: str = "name"
    item_column: str = "item"


class S3Store(StoreBase):
    """flipper-client's own S3 store; credentials come from the SDK's usual places."""

    kind: Literal["s3"]
    bucket: str
    endpoint_url: HttpUrl | None = None
    region: str | None = None


class MemoryStore(StoreBase):
    """flipper-client's own store in memory: gone with the daemon, for trying things out."""

    kind: Literal["memory"]
    flags: dict[FlagName, bool] = Field(default_factory=dict, description="What is there at start.")


StoreSpec = SqlStore | FlipperApiStore | RedisStore | PostgresStore | S3Store | MemoryStore

#: Stores of flipper-client that a kill cannot be trusted to, and why.
REFUSED_STORES = {
    "consul": "its watcher dies silently at the first error and then shows old values for ever",
    "cached": "it would hide other writers' changes, and a guard must see the store itself",
    "replicated": "a replica's failed write is never reported, so a kill could miss users",
    "thrift": "it has no atomic write, so a kill could be lost to another writer",
}


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


class Config(Strict):
    """The whole file."""

    targets: dict[Name, TargetSpec]
    probes: dict[Name, Annotated[ProbeSpec, Field(union_mode="smart")]]
    guards: dict[Name, GuardSpec] = Field(default_factory=dict)
    store: Annotated[StoreSpec, Field(union_mode="smart")]
    journal: JournalSpec
    web: WebSpec = WebSpec()
    metrics: MetricsSpec = MetricsSpec()
    browser: BrowserSpec = BrowserSpec()
    pools: dict[Name, PoolSpec] = Field(default_factory=lambda: {"local": PoolSpec()})
    uplink: UplinkSpec = UplinkSpec()
    journeys_folder: Path | None = Field(None, description="Journeys of your own, one per file.")

    @model_validator(mode="before")
    @classmethod
    def _name_things(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        named = dict(raw)
        for section in ("targets", "probes", "guards"):
            things = named.get(section)
            if isinstance(things, Mapping):
                named[section] = {
                    key: {**thing, "name": key} if isinstance(thing, Mapping) else thing
                    for key, thing in things.items()
                }
        return named


class Breach(Strict):
    """A rule between fields that this configuration breaks.

    `at` is the path of keys to the value at fault, from the top of the file.
    """

    at: tuple[str | int, ...]
    rule: str
    remedy: str


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def breaches(config: Config) -> Iterator[Breach]:
    """Find every broken rule that needs more than one field to see."""
    for name, probe in config.probes.items():
        yield from _probe_breaches(config, name, probe)
    flags: dict[str, str] = {}
    for name, guard in config.guards.items():
        yield from _guard_breaches(config, name, guard)
        first = flags.setdefault(guard.flag, name)
        if first != name:
            yield Breach(
                at=("guards", name, "flag"),
                rule=f"guard {first!r} already guards flag {guard.flag!r}",
                remedy="let one guard own a flag: move the probes and rules into one of the two",
            )
    tokens = config.web.tokens
    if config.web.host not in LOOPBACK and tokens.operator is None:
        yield Breach(
            at=("web", "host"),
            rule="without an operator token the admin API may listen on loopback only",
            remedy="set web.tokens.operator_file (or operator: ${NAME}), or host: 127.0.0.1",
        )


def _probe_breaches(config: Config, name: str, probe: ProbeSpec) -> Iterator[Breach]:
    if probe.target not in config.targets:
        yield Breach(
            at=("probes", name, "target"),
            rule=f"no target is named {probe.target!r}",
            remedy=f"name one of: {', '.join(sorted(config.targets))}",
        )
    if probe.interval_s is not None and probe.timeout_s >= probe.interval_s:
        yield Breach(
            at=("probes", name, "timeout_s"),
            rule=f"timeout_s {probe.timeout_s:g} must be below interval_s {probe.interval_s:g}",
            remedy="shorten the timeout or lengthen the interval, so that runs never overlap",
        )
    for place, location in enumerate(probe.locations):
        if location not in config.pools:
            yield Breach(
                at=("probes", name, "locations", place),
                rule=f"no pool serves location {location!r}",
                remedy=f"add it under pools, or name one of: {', '.join(sorted(config.pools))}",
            )


def _guard_breaches(config: Config, name: str, guard: GuardSpec) -> Iterator[Breach]:
    remedy = f"name one of: {', '.join(sorted(config.probes))}"
    places: list[tuple[tuple[str | int, ...], str]] = [
        (("probes", place), probe) for place, probe in enumerate(guard.probes)
    ]
    places += [(("control",), guard.control), (("proof",), guard.proof)]
    for at, probe in places:
        if probe not in config.probes:
            yield Breach(
                at=("guards", name, *at), rule=f"no probe is named {probe!r}", remedy=remedy
            )
    for place, rule in enumerate(guard.rules):
        for probe in rule.probes or ():
            if probe not in guard.probes:
                yield Breach(
                    at=("guards", name, "rules", place, "probes"),
                    rule=f"probe {probe!r} is not one of this guard's probes",
                    remedy=f"name one of: {', '.join(guard.probes)}",
                )
    for probe in guard.probes:
        spec = config.probes.get(probe)
        if spec is not None and spec.interval_s is None:
            yield Breach(
                at=("guards", name, "probes", guard.probes.index(probe)),
                rule=f"probe {probe!r} runs only on demand, so it can never be judged",
                remedy="give it an interval_s, or guard with a scheduled probe",
            )
