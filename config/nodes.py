"""YAML text to plain values and the line of every key.

Works on ruamel's node graph instead of its constructed objects: positions survive, duplicate keys
are ours to word (ruamel's message prints both values, which may be secrets), and a tag can never
build an object.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from config.errors import At, Findings

MAX_BYTES = 1 << 20
# Aliases share nodes, so a few lines can stand for billions of values; a real file has hundreds.
MAX_NODES = 50_000
MAX_INTEGER = 1 << 63

_TAG = "tag:yaml.org,2002:"
# ruamel resolves dates and "=" although YAML 1.2's core schema has neither; here they are text.
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp", _TAG + "value"})
_QUOTED = re.compile(r"(?P<mark>['\"])(?P<text>.*?)(?P=mark)")


def read_text(findings: Findings) -> str | None:
    """Read the file, or blame it and return None."""
    try:
        with findings.path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as cause:
        why = (cause.strerror if isinstance(cause, OSError) else None) or "not a usable path"
        findings.blame(
            (), f"cannot be read: {why}", "give the path of a file that this user may read"
        )
        return None
    if len(content) > MAX_BYTES:
        findings.blame((), "is larger than 1 MiB", "keep one configuration per file, without data")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        findings.blame((), "is not UTF-8 text", "save the file as UTF-8", line)
        return None


def read_values(text: str, findings: Findings) -> Any:
    """Turn YAML text into dicts, lists and scalars, and note the line of each key and item.

    Returns:
        The values, or None where the text is empty or not YAML; problems are in `findings`.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor used twice: legal in YAML 1.2
            root = yaml.compose(text)
        if root is None:
            findings.blame((), "is empty", "start from `config/tripflag.yaml`")
            return None
        findings.lines[()] = root.start_mark.line + 1
        return _Reading(yaml, findings).value(root, ())
    except _TooMany:
        findings.blame((), f"stands for more than {MAX_NODES} values", "use fewer aliases")
    except RecursionError:
        findings.blame((), "is nested too deeply, or an alias contains itself", "flatten it")
    except ReaderError as cause:
        line = text.count("\n", 0, int(cause.position)) + 1
        findings.blame((), "holds a control character", "remove it or write it as \\x..", line)
    except MarkedYAMLError as cause:
        findings.blame((), *_syntax(cause, text))
    except (YAMLError, ValueError, AssertionError, IndexError, KeyError, TypeError, AttributeError):
        # ruamel's scanner lets a few of these through on broken directives and escapes.
        findings.blame((), "is not YAML", "check the quotes, brackets and directives")
    return None


def _syntax(cause: MarkedYAMLError, text: str) -> tuple[str, str, int]:
    mark = cause.problem_mark or cause.context_mark
    line = 1 if mark is None else min(mark.line + 1, text.count("\n") + 1)
    # What ruamel quotes may be the file's own text, and so a secret.
    problem = _QUOTED.sub(_hide, str(cause.problem or "broken").strip().splitlines()[0])
    remedy = "check the indentation and the quotes at and above this line"
    if "another document" in problem:
        return "must be a single document", "keep what is above `---` or what is below", line
    if "alias" in problem:
        remedy = 'put "..." round a value that begins with `*`'
    elif "${" in "".join(text.split("\n")[line - 1 : line]):
        remedy = 'put "..." round a ${NAME} that stands inside [] or {}'
    return f"is not YAML: {problem}", remedy, line


def _hide(quoted: re.Match[str]) -> str:
    """Keep ruamel's own token names and single marks, hide what came from the file."""
    own = len(quoted["text"]) <= 1 or quoted["text"].startswith("<")
    return quoted[0] if own else "(text)"


class _TooMany(Exception):
    """Aliases made the file too large to hold."""


class _Reading:
    """One pass over the node graph."""

    def __init__(self, yaml: YAML, findings: Findings) -> None:
        self._yaml = yaml
        self._findings = findings
        self._nodes = 0

    def value(self, node: Node, at: At) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMany
        tag = str(node.tag)
        if isinstance(node, MappingNode) and tag == _TAG + "map":
            return self._mapping(node, at)
        if isinstance(node, SequenceNode) and tag == _TAG + "seq":
            return self._sequence(node, at)
        if isinstance(node, ScalarNode) and tag in _TEXT_TAGS:
            return self._text(str(node.value), at)
        if isinstance(node, ScalarNode) and tag.startswith(_TAG):
            return self._scalar(node, at)
        self._findings.blame(at, "tags are not supported", "quote a value that begins with `!`")
        return None

    def _mapping(self, node: MappingNode, at: At) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _TAG + "merge":
                self._findings.blame(
                    at, "`<<` is not YAML 1.2", "repeat the keys, or alias a whole value", line
                )
            elif not isinstance(key_node, ScalarNode) or key_node.tag not in _TEXT_TAGS:
                self._findings.blame(at, "a key must be text", 'put "..." round the key', line)
            elif (key := self._text(str(key_node.value), at)) in values:
                first = self._findings.lines[(*at, key)]
                self._findings.blame(
                    (*at, key),
                    f"duplicate key, first given in line {first}",
                    "keep one of the two",
                    line,
                )
            else:
                self._findings.lines[(*at, key)] = line
                values[key] = self.value(value_node, (*at, key))
        return values

    def _sequence(self, node: SequenceNode, at: At) -> list[Any]:
        values = []
        for place, item in enumerate(node.value):
            self._findings.lines[(*at, place)] = item.start_mark.line + 1
            values.append(self.value(item, (*at, place)))
        return values

    def _text(self, text: str, at: At) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._findings.blame(at, "holds half a surrogate pair", "write the whole character")
            return ""
        if "\0" in text:
            self._findings.blame(at, "holds a NUL character", "remove it")
            return ""
        return text

    def _scalar(self, node: ScalarNode, at: At) -> Any:
        build = self._yaml.constructor.yaml_constructors.get(node.tag)
        kind = str(node.tag).removeprefix(_TAG)
        if build is None or kind not in ("int", "float", "bool", "null"):
            self._findings.blame(at, "tags are not supported", "quote a value that begins with `!`")
            return None
        try:
            value = build(self._yaml.constructor, node)
        except (ValueError, KeyError, IndexError, TypeError, OverflowError):
            self._findings.blame(at, f"is not a YAML {kind}", "write it plainly, or quote it")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._findings.blame(at, "must be a finite number", "write a number")
            return None
        if isinstance(value, int) and abs(value) >= MAX_INTEGER:
            self._findings.blame(
                at, "is too large a number", "write a smaller one, or quote it as text"
            )
            return None
        return value
