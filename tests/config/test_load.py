from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.load import ConfigError, load
from tests.config.conftest import SMALL


def test_the_smallest_file_loads_and_the_rest_has_defaults(loaded) -> None:
    config = loaded()
    assert config.targets["site"].name == "site"
    assert config.probes["page"].interval_s == 60
    assert config.pools["local"].workers == 2
    assert config.web.host == "127.0.0.1"


def test_variables_fill_numbers_booleans_and_text(loaded) -> None:
    config = loaded(
        "web:\n  port: ${PORT}\n  host: ${HOST:-localhost}\n"
        'uplink:\n  urls: ["https://${UP}.example.org/${UNSET:-}"]\n  timeout_s: ${WAIT:-1.5}\n',
        {"PORT": "8701", "UP": "up"},
    )
    assert config.web.port == 8701
    assert config.web.host == "localhost"
    assert config.uplink.urls == ("https://up.example.org",)
    assert config.uplink.timeout_s == 1.5


def test_a_default_also_stands_in_for_an_empty_variable(loaded) -> None:
    assert loaded("web:\n  port: ${PORT:-8705}\n", {"PORT": ""}).web.port == 8705


def test_a_value_from_the_environment_cannot_bring_structure(loaded, refused) -> None:
    hostile = "x\nweb:\n  port: 1 # {a: [b]} ${HOST} &a *a"
    config = loaded("browser:\n  args:\n    - ${ARG}\n", {"ARG": hostile, "HOST": "no"})
    assert config.browser.args == (hostile,)
    assert config.web.port == 8700
    assert refused("web:\n  port: ${PORT}\n", {"PORT": "1\nhost: x"}) == [
        "13: web.port: must be a whole number"
    ]


def test_a_doubled_dollar_is_a_literal_reference(loaded) -> None:
    config = loaded('browser:\n  args: ["$${HOME}", "$HOME", "$$", "a$${b}${C}"]\n', {"C": "c"})
    assert config.browser.args == ("${HOME}", "$HOME", "$$", "a${b}c")


def test_keys_are_not_replaced(refused) -> None:
    assert refused("web:\n  ${KEY}: 1\n", {"KEY": "port"})[0].startswith(
        '13: web."${KEY}": unknown key'
    )


def test_every_missing_variable_is_named_at_once(refused) -> None:
    assert refused("web:\n  port: ${A}\nbrowser:\n  args: ['${B}${C}']\n") == [
        "13: web.port: environment variable A is not set",
        "15: browser.args[0]: environment variable B is not set",
        "15: browser.args[0]: environment variable C is not set",
    ]


def test_relative_paths_start_at_the_files_folder(loaded, tmp_path: Path) -> None:
    config = loaded(
        "  artifacts: evidence\njourneys_folder: journeys\nbrowser:\n  executable: bin/chromium\n",
    )
    assert config.journal.path == tmp_path / "journal.sqlite"
    assert config.journal.artifacts_folder == tmp_path / "evidence"
    assert config.journeys_folder == tmp_path / "journeys"
    assert config.browser.executable == tmp_path / "bin/chromium"
    assert config.store.url == f"sqlite:///{tmp_path}/flags.sqlite"


def test_relative_storage_states_start_at_the_files_folder(loaded, tmp_path: Path) -> None:
    text = SMALL.replace(
        "probes:\n",
        "    storage_state_file: one.json\nprobes:\n"
        "  door:\n    target: site\n    journey: door\n    storage_state_file: two.json\n",
    )
    config = loaded(text=text)
    assert config.targets["site"].storage_state_file == tmp_path / "one.json"
    assert config.probes["door"].storage_state_file == tmp_path / "two.json"


def test_the_folder_of_a_relative_file_is_found_from_where_we_are(tmp_path, monkeypatch) -> None:
    (tmp_path / "here.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    assert load(Path("here.yaml"), {}).journal.path == tmp_path / "journal.sqlite"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/flags.sqlite", "sqlite:////var/flags.sqlite"),
        ("sqlite:///${DIR}/flags.sqlite", "sqlite:////state/flags.sqlite"),
        ("sqlite+pysqlite:///a/b.sqlite?timeout=3", "sqlite+pysqlite:///{}/a/b.sqlite?timeout=3"),
        ("sqlite://", "sqlite://"),
        ('"sqlite:///:memory:"', "sqlite:///:memory:"),
        ("postgresql://u:${PW}@h/flags", "postgresql://u:pw@h/flags"),
    ],
)
def test_only_a_relative_sqlite_path_in_a_store_url_is_completed(
    url: str, expected: str, loaded, tmp_path: Path
) -> None:
    text = SMALL.replace("sqlite:///flags.sqlite", url)
    config = loaded(text=text, env={"DIR": "/state", "PW": "pw"})
    assert config.store.url == expected.format(tmp_path)


def test_a_browser_without_a_slash_stays_a_name_for_path(loaded) -> None:
    config = loaded("browser:\n  executable: chromium\n")
    assert config.browser.executable == Path("chromium")


def test_yaml_1_2_has_no_norway_problem_and_dates_are_text(loaded) -> None:
    config = loaded("browser:\n  args: [no, on, 2026-01-02, 012:30, =]\n")
    assert config.browser.args == ("no", "on", "2026-01-02", "012:30", "=")


def test_an_alias_repeats_a_whole_value(loaded) -> None:
    config = loaded("pools:\n  local: &two {workers: 4}\n  far: *two\n")
    assert config.pools["far"].workers == 4


def test_an_error_inside_a_list_of_a_probe_points_at_its_own_line(refused) -> None:
    text = SMALL.replace(
        "    kind: request\n", "    kind: request\n    status:\n      - 200\n      - x\n"
    )
    assert refused(text=text) == ["10: probes.page.status[1]: must be a whole number"]


FRAGMENTS = st.sampled_from(
    [
        *(": ", " - ", "  ", "[", "]", "{", "}", "&a ", "*a", "?", ", ", "@", "`", "# ", ">", "'"),
        *('"', "\n", "\t", "!x ", "!!int ", "!!float ", "!!null ", "!!binary ", "!!map ", "!!seq "),
        *("!!set ", "!!omap ", "!!timestamp ", "%YAML 1.1\n", "---\n", "...\n", "<<: *a\n", "|\n"),
        *("null", "~", ".nan", "1e999", "0x", "0o9", "-", "true", "9" * 20, "9" * 5000, "_", "1_"),
        *("\\", "\\x00", "\\ud800", "\0", "\u2028", "\ufeff", "é", "\ud800", "${X}", "${", "$${"),
        *("kind: journey\n", "rule: vital\n", "name: x\n", "operator_file: y\n", "://u:p@h"),
        *("kind: promql, ", "cron: * * 1", "(", "*/2", "status: 1, ", "abort: true, ", "[50, 5]"),
        *("journey: x, ", "params: ", "web: ", "kind: request, ", "1:30", "2026-01-02", "yes"),
    ]
)
EDITS = st.lists(
    st.tuples(st.integers(0, 1100), st.integers(0, 12), FRAGMENTS | st.text(max_size=4)),
    min_size=1,
    max_size=4,
)
WHOLE = """\
targets: {site: {base_url: "https://www.example.org", cookies: {a: b}}}
probes:
  page: {target: site, kind: request, json_expect: [{path: $.a, equals: 1}], headers: {A: b}}
  door: &door {target: site, journey: door, params: {a: [x], b: {c: d}}, force_flags: {f: true}}
  without: {target: site, journey: door, interval_s: null}
  errors: {target: site, kind: promql, query: "sum(up)"}
guards:
  front:
    flag: front_enabled
    probes: [page, door, errors]
    control: without
    proof: without
    rules:
      - {rule: consecutive_failures, limit: 3}
      - {rule: failure_ratio, limit: 0.5, window_s: 60}
      - {rule: promql, limit: -0.5}
      - {rule: console_errors, allow: ["a(b|c)?"]}
    fallback: {flag: back, circuit: way}
    ramp: {percentages: [5, 50]}
    drill: {cron: "30 4 * * mon", faults: [{url: "**", status: 500}, {url: a, delay_s: 1}]}
circuits: {way: {probe: page, window_s: 300}}
store: {url: "sqlite:///flags.sqlite"}
journal: {path: journal.sqlite}
web: {port: 8700, tokens: {operator: "${TOKEN}"}}
"""


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=EDITS)
@example(edits=[(0, 0, "%YAML 1.1\n---\n")])
@example(edits=[(0, 1100, "")])
@example(edits=[(1100, 0, "")])
def test_a_mutilated_file_loads_or_is_refused_and_nothing_else(edits, tmp_path: Path) -> None:
    text = WHOLE
    for start, length, fragment in edits:
        text = text[:start] + fragment + text[start + length :]
    path = tmp_path / "tripflag.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, {"TOKEN": "t0ken-value"})
    except ConfigError as error:
        refusal = error
    else:
        return
    assert refusal.problems
    for problem in refusal.problems:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.rule
        assert problem.remedy
        assert "t0ken-value" not in str(problem)
        str(problem).encode()
