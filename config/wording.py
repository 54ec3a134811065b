"""pydantic's errors in the file's own terms: its keys, its lines, the kind that was meant.

Prints keys but never a value, so that no secret can reach a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from config.errors import At, Findings
from config.schema import REFUSED_STORES
from config.shape import Model, file_keys, tag, tag_field
from config.trace import BadKey, NoBranch, Spot, at_path, trace

Words = tuple[str, str]
"""Rule and remedy."""

NUMBER: Words = ("must be a number", "write a number without quotes, such as 30 or 4.5")
WHOLE: Words = ("must be a whole number", "write a whole number without quotes, such as 3")
BOOLEAN: Words = ("must be true or false", "write true or false, without quotes")
TEXT: Words = ("must be text", 'put "..." round it')
MAPPING: Words = ("must be a mapping", "write `key: value` lines under it, or remove it")
LIST: Words = ("must be a list", "write `- item` lines under it, or [item, item]")
PARAMETER: Words = (
    "must be text, a number, true or false, or a list or mapping of such",
    'put "..." round it',
)
NAME: Words = (
    "must be a name: lower-case letters, digits and _, a letter first, 63 at most",
    "rename it, such as widget_signed_out",
)
FLAG_NAME: Words = (
    "must be a flag's name: letters, digits and _ . : -, a letter first, 128 at most",
    "write the name as the flag store has it",
)
URL = "write the whole address, such as https://www.example.org"
PATTERN = "close what is open, and write \\ before a sign that stands for itself"
SECTION = "write it as the commented example `config/tripflag.yaml` has it"

_BY_TYPE: tuple[tuple[str, Words], ...] = (
    (r"int_.*", WHOLE),
    (r"float_.*|finite_number", NUMBER),
    (r"bool_.*", BOOLEAN),
    (r"string_(type|unicode|sub_type)", TEXT),
    (r"(model|dict|mapping|model_attributes)_type", MAPPING),
    (r"(tuple|list)_type", LIST),
    (r"path_type", ("must be a path", "write the path as text")),
)

Context = Mapping[str, Any]
_BY_CONTEXT: dict[str, Callable[[Context], Words]] = {
    "greater_than": lambda c: (f"must be more than {c['gt']:g}", "raise it"),
    "greater_than_equal": lambda c: (f"must be at least {c['ge']:g}", "raise it"),
    "less_than": lambda c: (f"must be less than {c['lt']:g}", "lower it"),
    "less_than_equal": lambda c: (f"must be at most {c['le']:g}", "lower it"),
    "too_short": lambda c: (f"must hold {c['min_length']} or more", "add one"),
    "literal_error": lambda c: ("unknown value", f"use one of: {_listed(c['expected'])}"),
    "string_too_short": lambda c: ("must not be empty", "write it"),
    "value_error": lambda c: _by_hand(str(c["error"])),
    "string_pattern_mismatch": lambda c: FLAG_NAME if "A-Z" in c["pattern"] else NAME,
}


def blame_invalid(errors: list[ErrorDetails], raw: Any, findings: Findings) -> None:
    """Word every pydantic error, except where the value is already blamed or was not meant."""
    already = frozenset(findings.blamed)
    for error in errors:
        spot = trace(error["loc"], raw)
        if spot is None or spot.at in already or _is_echo(error, at_path(raw, spot.at)):
            continue
        match spot:
            case BadKey():
                findings.blame(spot.at, *_constraint(error))
            case NoBranch(options=()):
                findings.blame(spot.at, *PARAMETER)
            case NoBranch() if error["type"] == "missing" and at_path(raw, spot.at) is None:
                findings.blame(spot.at, "missing key", "add it")
            case NoBranch():
                _blame_tag(spot, raw, findings)
            case Spot():
                findings.blame(spot.at, *_words(error, spot, raw))


def _is_echo(error: ErrorDetails, value: Any) -> bool:
    """True for pydantic's "too short" where items are missing only because they were refused."""
    return (
        error["type"] == "too_short"
        and isinstance(value, list)
        and len(value) >= error.get("ctx", {})["min_length"]
    )


def _blame_tag(spot: NoBranch, raw: Any, findings: Findings) -> None:
    value = at_path(raw, spot.at)
    key = tag_field(spot.options)
    choices = f"{key}: {' | '.join(tag(model, key) for model in spot.options)}"
    if not isinstance(value, dict):
        findings.blame(spot.at, *MAPPING)
    elif key in value:
        at: At = (*spot.at, key)
        if at not in findings.blamed:
            findings.blame(at, _bad_tag(spot.at, key, str(value[key])), f"write {choices}")
    else:
        findings.blame((*spot.at, key), "missing key", f"write {choices}")


def _bad_tag(at: At, key: str, written: str) -> str:
    if at == ("store",) and written in REFUSED_STORES:
        return f"flipper-client's {written} store is refused: {REFUSED_STORES[written]}"
    return f"unknown {key}"


def _words(error: ErrorDetails, spot: Spot, raw: Any) -> Words:
    if error["type"] == "missing":
        return _missing(spot, at_path(raw, spot.at[:-1]))
    if error["type"] == "extra_forbidden" and spot.owner is not None:
        return _unknown_key(str(spot.at[-1]), spot.owner, spot.options, at_path(raw, spot.at[:-1]))
    return _constraint(error)


def _constraint(error: ErrorDetails) -> Words:
    by_context = _BY_CONTEXT.get(error["type"])
    if by_context is not None:
        return by_context(error.get("ctx", {}))
    for pattern, words in _BY_TYPE:
        if re.fullmatch(pattern, error["type"]):
            return words
    return f"not valid ({error['type'].replace('_', ' ')})", SECTION


def _missing(spot: Spot, thing: Any) -> Words:
    key = str(spot.at[-1])
    field = spot.owner.model_fields.get(key) if spot.owner is not None else None
    meaning = field.description if field is not None else None
    remedy = f"add it: {meaning.rstrip('.')}" if meaning else "add it"
    if spot.options and tag_field(spot.options) not in (thing or {}):
        # The tag was left to its default, so perhaps another one was meant.
        name = tag_field(spot.options)
        others = " | ".join(tag(other, name) for other in spot.options if other is not spot.owner)
        remedy += f", or write {name}: {others}"
    return "missing key", remedy


def _unknown_key(key: str, owner: Model, options: tuple[Model, ...], thing: Any) -> Words:
    for other in options:
        if key in other.model_fields:
            name = tag_field(options)
            told = f"{name}: {tag(other, name)}"
            return f"unknown key; it belongs to {told}", f"write {told}, or remove the key"
    known = [name for name in file_keys(owner) if not isinstance(thing, dict) or name not in thing]
    near = get_close_matches(key, known, n=1)
    if near:
        return f"unknown key (did you mean {near[0]}?)", f"write {near[0]}, or remove it"
    return "unknown key", f"remove it, or use one of: {', '.join(sorted(file_keys(owner)))}"


def _by_hand(rule: str) -> Words:
    """Add the remedy to a rule that the schema words itself."""
    remedies = (("URL", URL), ("regular expression", PATTERN))
    return rule, next((remedy for sign, remedy in remedies if sign in rule), SECTION)


def _listed(expected: str) -> str:
    return ", ".join(re.findall(r"'([^']*)'", expected)) or expected
