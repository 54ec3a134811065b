"""What personal data looks like in text: e-mail addresses, US social security numbers, telephones.

Each pattern takes time linear in the text's length, whatever the text is: it comes from a target.
What is only a number stays: dates, times, durations, addresses, reference numbers, UUIDs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

#: What else stands for @, a plus or a gap: in URLs, in HTML, in JSON inside of text.
_AT = r"(?:@|%(?:25)?40|&#64;|&#x40;|\\u0040)"
_GAP = r"(?:[ .+\-\u00a0\u2010\u2011\u2013]|%20|%2[Dd]|&nbsp;)"
_DASH = r"[ +\-\u00a0\u2010\u2011\u2013]|%20|%2[Dd]|&nbsp;"
#: Not within a word, a decimal number or what dashes hold together, such as ASM-123456789.
_START = r"(?:(?<=%[0-9A-Fa-f]{2})|(?<!\w)(?<![A-Za-z0-9]-)(?<!\d\.))"
_END = r"(?!\w)(?!-\w)(?!\.\d)"

#: Takes each word once, whether an @ follows or not: to try its every letter anew would not end.
_WORD = re.compile(
    r"(?:[\w.!#$*^{|}~+-]|(?<=\w)'|%(?!(?:25)?40)[0-9A-Fa-f]{2})++"
    rf"(?:{_AT}(?:(?P<domain>[\w-]++(?:\.[\w-]++)++)|[\w.-]*+(?=…)))?+"
)
_SSN = re.compile(
    rf"{_START}(?:\d{{3}}({_DASH})\d\d\1\d{{4}}|(?!000|666|9)\d{{3}}(?!00)\d\d(?!0000)\d{{4}}){_END}"
)
_PHONE = re.compile(
    rf"{_START}(?:"
    # Ten digits in a row must make sense; people who dial a number in parts invent any.
    rf"(?:(?:\+|%2B)?1{_GAP}{{0,3}})?(?:[2-9]\d\d[2-9]\d{{6}}"
    rf"|(?:\(|%28)?[2-9]\d\d(?:(?:\)|%29){_GAP}{{0,3}}|{_GAP}{{1,3}})\d{{3}}{_GAP}{{1,3}}\d{{4}})"
    r"(?:[ ,]{0,2}(?:x|ext\.?)[ ]?\d{1,6})?"
    rf"|(?:\+|%2B)[1-9](?:(?:{_GAP}|[()]){{0,3}}\d){{7,14}}+){_END}"
)
#: Where a text was cut, what is left of a number is no whole one any more.
_CUT = re.compile(r"(?<!\w)[+(]?\d[\d ().\-]{2,20}+(?=…)")
#: Every number above holds three digits in a row, but for one that is written with a plus.
_MAYBE_NUMBER = re.compile(r"\d\d\d|\+|%2B")
_MAYBE_AT = re.compile(_AT)
#: `logo@2x.png` is a picture, `react@18.2.0` a package.
_NO_DOMAIN = re.compile(r"\d+x\.|[\d.]+$|.*\.\d\w*$")


def mask_email(text: str) -> str:
    """Return the text with `[email]` in the place of each e-mail address."""
    return _WORD.sub(_email, text) if _MAYBE_AT.search(text) else text


def mask_ssn(text: str) -> str:
    """Return the text with `[ssn]` for each number that can be a social security number."""
    return _SSN.sub("[ssn]", text) if _MAYBE_NUMBER.search(text) else text


def mask_phone(text: str) -> str:
    """Return the text with `[phone]` for each US or E.164 telephone number."""
    return _PHONE.sub("[phone]", text) if _MAYBE_NUMBER.search(text) else text


def mask_cut(text: str) -> str:
    """Return the text without the first digits of a number whose rest was cut off."""
    return _CUT.sub("[cut]", text) if "…" in text else text


def _email(found: re.Match[str]) -> str:
    word, domain = found[0], found["domain"]
    if domain is not None:
        return word if _NO_DOMAIN.match(domain) else "[email]"
    return "[email]" if _MAYBE_AT.search(word) else word


BUILT_IN: Mapping[str, Callable[[str], str]] = {
    "email": mask_email,
    "ssn": mask_ssn,
    "phone": mask_phone,
}
