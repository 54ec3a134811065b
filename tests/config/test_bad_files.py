"""One bad file per rule, each with its exact message in the `.txt` beside it."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from config.load import ConfigError, load
from config.nodes import MAX_BYTES, MAX_NODES

BAD = Path(__file__).parent / "bad"
ENV = {"EMPTY": "", "OPERATOR": "s3cr3t-from-env"}


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path, ENV)
    return caught.value


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_its_exact_message(path: Path, monkeypatch) -> None:
    monkeypatch.chdir(BAD)
    error = refusal(Path(path.name))
    assert str(error) + "\n" == path.with_suffix(".txt").read_text()
    assert not re.search("s3cr3t|hunter2|31337", "".join(traceback.format_exception(error)))
    assert not re.search("s3cr3t|hunter2|31337", repr(error))


def test_every_bad_file_but_the_mixed_one_breaks_one_rule_only() -> None:
    for path in BAD.glob("*.txt"):
        lines = path.read_text().splitlines()
        assert len(lines) == (7 if path.stem == "many_at_once" else 1), path.name


def test_a_problem_carries_its_parts_for_other_faces() -> None:
    (problem,) = refusal(BAD / "above_range.yaml").problems
    assert (problem.line, problem.key, problem.rule, problem.remedy) == (
        13,
        "web.port",
        "must be at most 65535",
        "lower it",
    )
    assert problem.file == str(BAD / "above_range.yaml")


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"web:\n  host: \xff\n"), "is not UTF-8 text"),
        (lambda path: path.write_bytes(b"#" * (MAX_BYTES + 1)), "is larger than 1 MiB"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (
            lambda path: path.write_text("a: " + "[" * 5000),
            "is nested too deeply, or an alias contains itself",
        ),
        (
            lambda path: path.write_text(
                "a0: &a0 [1,1,1,1,1,1,1,1,1]\n"
                + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
            ),
            f"stands for more than {MAX_NODES} values",
        ),
    ],
    ids=["absent", "folder", "not UTF-8", "too large", "no byte", "deep", "alias bomb"],
)
def test_a_file_that_cannot_be_read_is_a_problem_too(make, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "tripflag.yaml"
    make(path)
    (problem,) = refusal(path).problems
    assert (problem.file, problem.key, problem.rule) == (str(path), "", rule)
    assert problem.remedy


def test_the_line_of_a_byte_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tripflag.yaml"
    path.write_bytes(b"web:\n  host: \xff\n")
    assert refusal(path).problems[0].line == 2
