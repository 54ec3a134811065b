from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from config.load import ConfigError
from tests.config.conftest import SMALL

VALUE = "s3cr3t"
TOKENS = "web:\n  tokens:\n"


def test_a_secret_comes_from_its_file_without_the_last_newline(loaded, tmp_path: Path) -> None:
    (tmp_path / "operator").write_text(" s3cr3t \n\n")
    (tmp_path / "viewer").write_bytes(b"look\r\n")
    tokens = loaded(TOKENS + "    operator_file: operator\n    viewer_file: ./viewer\n").web.tokens
    assert tokens.operator.get_secret_value() == " s3cr3t \n"
    assert tokens.viewer.get_secret_value() == "look"


def test_a_secrets_file_may_be_named_by_the_environment(loaded, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cr3t")
    config = loaded(TOKENS + "    operator_file: ${DIR}/token\n", {"DIR": str(tmp_path)})
    assert config.web.tokens.operator.get_secret_value() == "s3cr3t"


def test_the_stores_url_may_come_from_a_file_with_its_password(loaded, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:pw@h/flags\n")
    text = SMALL.replace("url: sqlite:///flags.sqlite", "url_file: url")
    assert loaded(text=text).store.url == "postgresql://u:pw@h/flags"


def test_tokens_do_not_show_in_the_text_of_a_configuration(loaded, tmp_path: Path) -> None:
    (tmp_path / "viewer").write_text("s3cr3t-viewer")
    more = TOKENS + "    operator: ${OPERATOR}\n    viewer_file: viewer\n"
    config = loaded(more, {"OPERATOR": "s3cr3t-operator"})
    for text in (str(config), repr(config), config.model_dump_json()):
        assert "s3cr3t" not in text


def test_the_stores_password_does_not_show_in_the_text_of_a_configuration(loaded) -> None:
    text = SMALL.replace("sqlite:///flags.sqlite", "postgresql://u:${PW}@h/db")
    config = loaded(text=text, env={"PW": VALUE})
    assert VALUE not in repr(config)
    assert VALUE not in str(config)


@pytest.mark.parametrize(
    "more",
    [
        "web:\n  port: ${S}\n",
        "web:\n  tokens:\n    operator: ${S}\n    nonsense: ${S}\n",
        "pools:\n  local: ${S}\n",
        "uplink:\n  urls: ['${S}']\n",
        "uplink:\n  urls: ['ftp://u:${S}@example.org']\n",
        "metrics:\n  duration_buckets_s: ['${S}']\n",
        "web:\n  tokens:\n    viewer_file: ${S}\n",
        "guards:\n  front: {drill: {cron: '${S} 4 * * mon', faults: [{url: x, abort: true}]}}\n",
        "guards:\n  front: {rules: [{rule: console_errors, allow: ['(?P<${S}>a)(?P<${S}>b)']}]}\n",
        "web:\n  tokens:\n    viewer_file: secrets/${S}\n    operator: {a: '${S}'}\n",
    ],
)
def test_no_error_shows_a_value_from_the_environment(more: str, loaded) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(more, {"S": VALUE})
    assert VALUE not in "".join(traceback.format_exception(caught.value))
    assert VALUE not in repr(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pa/ss@h/db",
        "postgresql+psycopg://:pass@h/db",
        "postgresql://u:x${PW}@h/db",
        "redis://:${PW:-pass}@h",
        "POSTGRESQL://u:pass@h",
    ],
)
def test_a_literal_password_in_a_url_is_refused(url: str, refused) -> None:
    assert refused(text=SMALL.replace("sqlite:///flags.sqlite", url), env={"PW": "pw"}) == [
        "9: store.url: a password in a URL must not be written in plain"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:${PW}@h/db",
        "postgresql://u:${PW}${PW}@h/db",
        "postgresql://u@h/db",
        "postgresql://h:5432/db",
        "postgresql://u:${PW:-}@h/db",
    ],
)
def test_a_url_without_a_literal_password_is_taken(url: str, loaded) -> None:
    assert loaded(text=SMALL.replace("sqlite:///flags.sqlite", url), env={"PW": "pw"})


def test_an_at_sign_after_a_port_and_path_is_no_password(loaded) -> None:
    assert loaded("browser:\n  args: ['--proxy=http://h:8080/a@b']\n")


def test_a_header_may_hold_a_credential_from_the_environment(loaded) -> None:
    text = SMALL.replace(
        "    kind: request\n",
        "    kind: request\n    headers: {authorization: 'Bearer ${T}', Accept: text/html}\n",
    )
    probe = loaded(text=text, env={"T": "tok"}).probes["page"]
    assert probe.headers["authorization"] == "Bearer tok"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"x" * 70_000])
def test_data_is_no_secret(content: bytes, refused, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    (message,) = refused(TOKENS + "    operator_file: token\n")
    assert message.startswith("14: web.tokens.operator_file: the file ")
