"""What is wrong with a configuration: problems that name file, line, key, rule and remedy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

At = tuple[str | int, ...]
"""Path of keys and list places to a value, from the top of the file."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]{0,127}")


def dotted(at: At) -> str:
    """Write a path as people do: `probes.widget.timeout_s`, `rules[0].limit`.

    A key that would be ambiguous that way (dots, spaces, control characters) is quoted and cut.
    """
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else json.dumps(part[:60])
            text += f".{key}" if text else key
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule. `key` is empty where the whole file is at fault; lines count from 1."""

    file: str
    line: int
    key: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{self.rule}. Remedy: {self.remedy}"


class ConfigError(Exception):
    """Root of this package's errors: a file that is refused whole, with everything wrong in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(slots=True)
class Findings:
    """Problems of one file while it is being read, and the lines to point at."""

    path: Path
    lines: dict[At, int] = field(default_factory=dict)
    problems: dict[Problem, None] = field(default_factory=dict)
    blamed: set[At] = field(default_factory=set)

    def blame(self, at: At, rule: str, remedy: str, line: int | None = None) -> None:
        """Record a problem at a path; its line is that of the nearest key that the file has."""
        self.blamed.add(at)
        where = self.line(at) if line is None else line
        self.problems.setdefault(Problem(str(self.path), where, dotted(at), rule, remedy))

    def line(self, at: At) -> int:
        """Line of the key at this path, or of the mapping or list that would hold it."""
        for end in range(len(at), -1, -1):
            if at[:end] in self.lines:
                return self.lines[at[:end]]
        return 1

    def error(self) -> ConfigError:
        """Return everything found, in the order of the file."""
        return ConfigError(tuple(sorted(self.problems, key=lambda p: (p.line, p.key, p.rule))))
