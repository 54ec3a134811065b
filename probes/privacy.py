"""Mask personal data, before anything of a run is stored, logged or sent."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import regex  # type: ignore[import-untyped]

from config.schema import PrivacySpec
from probes.model import Run
from probes.personal import BUILT_IN, mask_cut

#: What stands for a text that could not be looked through, and for the values of a query.
MASKED = "[masked]"
#: An operator's pattern may need time without end; a text that it takes longer for is masked whole.
PATTERN_S = 0.1
#: So often a pattern may take too long in one run, before it is not tried any more.
MAX_LATE = 3
#: Names that the configuration gives or that we do: other records refer to them.
_NAMES = frozenset({"id", "probe", "location", "pair", "artifacts"})
_NAMES_WITHIN = frozenset({"flag"})
#: Takes each address once, whole.
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]++")


class Mask:
    """Masks texts as one configuration says. Made anew for each run: it counts slow patterns."""

    def __init__(self, spec: PrivacySpec) -> None:
        self._own = {name: regex.compile(each) for name, each in spec.patterns.items()}
        self._built_in = tuple(BUILT_IN[name] for name in spec.built_in)
        self._late = dict.fromkeys(self._own, 0)

    def patterns(self, text: str) -> str:
        """Return the text with each match of a pattern replaced by the pattern's name."""
        for name, pattern in self._own.items():
            if self._late[name] >= MAX_LATE:
                return MASKED
            try:
                text = pattern.sub(f"[{name}]", text, timeout=PATTERN_S)
            except TimeoutError:
                self._late[name] += 1
                return MASKED
        for mask in self._built_in:
            text = mask(text)
        return mask_cut(text) if self._built_in else text

    def text(self, text: str) -> str:
        """Return the text with patterns masked, and the values of queries in its addresses."""
        return self.patterns(with_plain_addresses(text))

    def run(self, run: Run) -> Run:
        """Return the run with every text of the target's masked; names of ours stay."""
        return replace(
            run,
            **{
                each.name: self._within(getattr(run, each.name))
                for each in fields(run)
                if each.name not in _NAMES
            },
        )

    def _within(self, value: Any) -> Any:
        # Exactly text: an Outcome is one too, and must stay what it is.
        if type(value) is str:
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(map(self._within, value))
        if isinstance(value, dict):
            return {self._within(key): self._within(each) for key, each in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                each.name: self._within(getattr(value, each.name))
                for each in fields(value)
                if each.name not in _NAMES_WITHIN
            }
            return replace(value, **changed)
        return value


def with_plain_addresses(text: str) -> str:
    """Return the text with each address in it as `without_values` leaves it."""
    return _ADDRESS.sub(lambda found: without_values(found[0]), text) if "://" in text else text


def without_values(url: str) -> str:
    """Return an address with the keys of its query, but no value, fragment or password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as http://[ : the target wrote it
        return url.split("?", 1)[0].split("#", 1)[0]
    query = "&".join(map(_without_value, parts.query.split("&"))) if parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=query, fragment="").geturl()


def _without_value(pair: str) -> str:
    key, equals, value = pair.partition("=")
    # What has no `=` can be a value as well as a key.
    return f"{key}={MASKED}" if equals and value else key if equals else MASKED
