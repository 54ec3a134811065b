"""What a target, or a stranger at the flag store, may send: each with what it tries.

`MARK` is what every script here would set, `CANARY` where every address here leads; `PRODUCT` is
what a template engine would make of a product. None of the three may ever be met.
"""

from __future__ import annotations

from dataclasses import dataclass

from probes.text import plain

MARK = "pwned"
CANARY = "/canary"
FACTORS, PRODUCT = "7191*7193", "51724863"

_RUN = "window.pwned=1;alert(1)"
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@dataclass(frozen=True, slots=True)
class Hostile:
    """One text, `times` in a row. `shows`: a part of it that whoever shows it must show."""

    name: str
    tries: str
    text: str
    times: int = 1
    shows: str = ""

    @property
    def whole(self) -> str:
        return self.text * self.times

    @property
    def part(self) -> str:
        """A piece of it that can be read wherever it is shown."""
        return self.shows or plain(self.whole[:400])[:40].strip()

    @property
    def order(self) -> dict[str, object]:
        """Return it as the stage takes it."""
        return {"text": self.text, "times": self.times}


#: Shapes of harmless text: what pages make of them is what pages may make of any text.
HARMLESS = (
    Hostile("plain", "nothing", "the representative is not shown"),
    Hostile("many words", "nothing", "the representative is not shown here and ", 6),
    Hostile("one long word", "to widen the layout", "representative", 5000, "representative"),
    Hostile("many lines", "nothing", "one line\nanother line\n", 40, "one line"),
    Hostile("address", "nothing", "https://example.test/a?b=c#d", 1, "https://example.test/a?b="),
    Hostile("path", "nothing", "/static/base.css"),
)

_SCRIPTS = (
    Hostile("script", "a script element", f"<script>{_RUN}</script>"),
    Hostile("script from outside", "a script's address", f'<script src="{CANARY}.js"></script>'),
    Hostile("script in mixed case", "filters by name", f"<ScRiPt >{_RUN}</sCrIpT >"),
    Hostile("script cut in two", "filters that delete", f"<scr<script>ipt>{_RUN}</script>"),
    Hostile("image error", "an event handler", f'<img src=x onerror="{_RUN}">'),
    Hostile("image without blanks", "parsers of attributes", f"<img/src='x'/onerror={_RUN}>"),
    Hostile("svg load", "SVG's own events", f'<svg onload="{_RUN}">'),
    Hostile(
        "svg animation",
        "an address set by SMIL",
        f'<svg><a><animate attributeName=href values="javascript:{_RUN}"/><text>x</text></a></svg>',
    ),
    Hostile("details toggle", "an event without a click", f"<details open ontoggle={_RUN}>"),
    Hostile("focus", "an event by autofocus", f"<input autofocus onfocus={_RUN}>"),
    Hostile("marquee", "forgotten elements", f"<marquee onstart={_RUN}>x</marquee>"),
    Hostile(
        "mathml",
        "MathML's links",
        f'<math><maction xlink:href="javascript:{_RUN}">x</maction></math>',
    ),
)

_BREAKOUTS = (
    Hostile("double quote", "to leave an attribute", f'"><img src=x onerror={_RUN}>'),
    Hostile("single quote", "to leave an attribute", f"'><img src=x onerror={_RUN}>"),
    Hostile("no quote", "to add an attribute", f"x onmouseover={_RUN} autofocus onfocus={_RUN} y"),
    Hostile("back quote", "to leave a template literal", f"`;{_RUN};`${{{_RUN}}}"),
    Hostile("added attribute", "to stay inside a tag", f'" onpointerenter="{_RUN}" style="x'),
    Hostile("end of title", "to leave the title", f"</title><script>{_RUN}</script>"),
    Hostile("end of textarea", "to leave a field", f"</textarea><script>{_RUN}</script>"),
    Hostile("end of script", "to leave JSON in a script", f'"}}</script><script>{_RUN}</script>'),
    Hostile("end of style", "to leave a style", "</style><style>body{display:none}</style>"),
    Hostile("end of noscript", "to leave noscript", f"</noscript><img src=x onerror={_RUN}>"),
    Hostile("end of comment", "to leave a comment", f"--><img src=x onerror={_RUN}><!--"),
    Hostile("end of cdata", "to leave CDATA", f"]]><img src=x onerror={_RUN}><![CDATA["),
    Hostile("end of main", "to leave the page's frame", f"</code></main></body><b onclick={_RUN}>"),
)

_TEMPLATES = (
    Hostile("braces", "a template's expression", f"{{{{{FACTORS}}}}}"),
    Hostile("block", "a template's statement", f"{{% set a = {FACTORS} %}}{{{{ a }}}}{{# x #}}"),
    Hostile("dollar", "a script's template", f"${{{FACTORS}}} #{{{FACTORS}}} <%= {FACTORS} %>"),
    Hostile("python format", "str.format and %", "{0.__class__} %(user)s %s {config} %n"),
)

_ADDRESSES = (
    Hostile("javascript address", "a link that runs", f"javascript:{_RUN}//"),
    Hostile(
        "javascript in disguise", "filters of links", f"\x01JaVa\tScRiPt\n:{_RUN}//", 1, "JaVa"
    ),
    Hostile("data address", "a page inside a link", f"data:text/html,<script>{_RUN}</script>"),
    Hostile("vbscript address", "an old link that runs", f"vbscript:{_RUN}"),
    Hostile("other host", "to lead away", f"//evil.test{CANARY}"),
    Hostile("backslash host", "to lead away", f"/\\evil.test{CANARY}"),
    Hostile("refresh", "to send away", f'<meta http-equiv=refresh content="0;url={CANARY}">'),
    Hostile("base", "to turn all links", f'<base href="//evil.test{CANARY}/">'),
    Hostile("link", "a style from outside", f'<link rel=stylesheet href="{CANARY}.css">'),
    Hostile("frame", "a page in a page", f'<iframe srcdoc="<script>{_RUN}</script>"></iframe>'),
    Hostile("object", "a plug-in", f'<object data="{CANARY}"></object><embed src="{CANARY}">'),
    Hostile(
        "form",
        "to catch what is typed",
        f'<form action="{CANARY}" id=x><button autofocus>Kill</form>',
    ),
    Hostile(
        "button",
        "to turn a form",
        f'<button form=x formaction="{CANARY}" type=submit>Hold</button>',
    ),
    Hostile(
        "image", "to tell that it was read", f'<img src="{CANARY}.png" srcset="{CANARY}.png 2x">'
    ),
    Hostile(
        "css", "to load by style", f"<div style=\"background:url('{CANARY}')\">@import '{CANARY}'"
    ),
)

_ENCODED = (
    Hostile("entities", "one unescape too many", "&lt;img src=x onerror=alert(1)&gt;&#x3c;b&#62;"),
    Hostile("double entities", "two unescapes too many", "&amp;lt;script&amp;gt;alert(1)"),
    Hostile("per cent", "one decoding too many", f"%3Cscript%3E{_RUN}%3C%2Fscript%3E%253Cb%253E"),
    Hostile("utf-7", "a guessed charset", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-"),
    Hostile("overlong", "bytes that decode to <", "\udcc0\udcbcscript\udcc0\udcbe", 1, "script"),
    Hostile("halves", "halves of characters", "\ud800half\udfff <b>\udc00", 1, "half"),
    Hostile("full width", "folding to ASCII", "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e"),
)

_INVISIBLE = (
    Hostile("nul", "to end a string early", "nul\x00<b>after\x00", 1, "after"),
    Hostile(
        "controls", "control characters", "bell\x07back\x08\x7f\x1b\x0b\x0c\x85\x9f end", 1, "end"
    ),
    Hostile("ansi", "a terminal's colours", "\x1b[2J\x1b[31mred\x1b[0m\x9b5m plain", 1, "plain"),
    Hostile(
        "osc",
        "a terminal's title and links",
        "\x1b]0;title\x07\x1b]8;;http://evil.test\x1b\\x end",
        1,
        "end",
    ),
    Hostile("bidi", "to turn text round", f"{_BIDI}gnitset\u202e abc", 1, "gnitset"),
    Hostile("zero width", "to hide in a name", "ad\u200bm\u2060i\ufeffn\u00ad \U000e0041", 1, "n"),
    Hostile("separators", "lines that JSON allows", "one\u2028two\u2029three\x85four", 1, "two"),
    Hostile(
        "crlf", "another header, another log line", "x\r\nSet-Cookie: pwned=1\r\n\r\n<b>", 1, "x"
    ),
    Hostile(
        "log line",
        "a forged log line",
        '\n{"level":"info","event":"all is well"}\n',
        1,
        "all is well",
    ),
    Hostile("zalgo", "marks without end", "z" + "\u0316\u0317\u0318" * 60, 1, "z"),
)

_BIG = (
    Hostile("megabyte", "to fill memory", "A", 1_000_000, "AAAA"),
    Hostile("nested", "to exhaust a parser", "<div>", 100_000, "<div><div>"),
    Hostile("entity bomb", "to grow when decoded", "&amp;", 50_000, "&amp;"),
)

_CLOBBERING = (
    Hostile(
        "clobbered ids", "names of a document's own", "<img name=body><form id=location><a id=x>"
    ),
    Hostile("our main", "to be morphed in place of ours", "<main id=main>mine</main>"),
    Hostile(
        "our live region", "to say something", "<div id=said>KILLED</div><p id=link class=link>"
    ),
    Hostile(
        "our guard", "to be read as a guard", "<b data-guard=plain data-phase=armed class=phase>"
    ),
    Hostile(
        "our act", "to look like an open form", "<details class=act open name=act><form data-busy>"
    ),
    Hostile(
        "mutation",
        "markup that changes when written",
        "<math><mtext><table><mglyph><style><!--</style>"
        f"<img title=--&gt;&lt;img src=x onerror={_RUN}&gt;>",
    ),
    Hostile(
        "noscript mutation",
        "parsing by mode",
        f'<noscript><p title="</noscript><img onerror={_RUN}>">',
    ),
    Hostile(
        "prototype", "a polluted object", '__proto__[pwned]=1 {"__proto__":{"pwned":1}} constructor'
    ),
    Hostile("prototype's name", "a key of every object", "__proto__"),
)

_OTHER_READERS = (
    Hostile(
        "csv", "a spreadsheet's formula", '=HYPERLINK("http://evil.test","x")+cmd|\' /C calc\'!A0'
    ),
    Hostile(
        "markdown", "a post-mortem's links", f"[x](javascript:{_RUN}) ![y](http://evil.test/p.png)"
    ),
    Hostile(
        "markdown html",
        "HTML in Markdown",
        f"``` \n\n# mine\n\n<img src=x onerror={_RUN}>",
        1,
        "# mine",
    ),
    Hostile(
        "markdown code", "to leave a code span", f"`` ` ``` </code> <script>{_RUN}</script> @all #1"
    ),
    Hostile(
        "yaml",
        "YAML's tags",
        "!!python/object/apply:os.system ['x'] &a [*a] : - | >",
        1,
        "!!python",
    ),
    Hostile(
        "rich markup",
        "a terminal library's markup",
        "[red]x[/] [link=http://evil.test]y[/link] [/b]",
    ),
    Hostile("traversal", "another file", "../../../../etc/passwd\\..\\x%2e%2e%2f", 1, "../../"),
    Hostile("sql", "another statement", "'; DROP TABLE runs; -- \" OR 1=1"),
    Hostile(
        "openmetrics",
        "another series",
        'x"} 1\ntripflag_up{a="b"} 0\n# HELP pwned x',
        1,
        "tripflag_up",
    ),
)

CORPUS = (
    _SCRIPTS
    + _BREAKOUTS
    + _TEMPLATES
    + _ADDRESSES
    + _ENCODED
    + _INVISIBLE
    + _BIG
    + _CLOBBERING
    + _OTHER_READERS
)
#: Those that want to lead a visitor away, or to leave the attribute in which an address stands.
LEADING = _ADDRESSES + _BREAKOUTS + _INVISIBLE
