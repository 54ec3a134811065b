"""A new journey's file, and the configuration that runs and guards it, ready to paste."""

from __future__ import annotations

import keyword
import re
import textwrap
from pathlib import Path

from probes.codegen import Recording
from probes.model import ProbeError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

_TEMPLATE = """\
    with step("open the page"):
        answer = page.goto(visit.url("/"), wait_until="domcontentloaded")
        status = answer.status if answer is not None else None
        promise(status == 200, "the page answers", expected=200, seen=status)
    with step("read the page"):
        # What a user must find here. A failed expectation is a broken promise of the target's.
        expect(page.get_by_role("heading", level=1)).to_be_visible()
"""


class NameTaken(ProbeError):
    """A name that a new journey cannot have; says why and the remedy."""


def new_journey(name: str, folder: Path, recording: Recording | None, known: set[str]) -> Path:
    """Write the file of a new journey; never over another.

    Args:
        name: of the journey, its function and its file.
        folder: made where it does not exist.
        recording: None: the journey opens the start page and looks for its heading.
        known: names of the journeys that there are.

    Raises:
        NameTaken: the name is none, or somebody has it.
        OSError: the file cannot be written.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise NameTaken(
            f"{name!r} cannot be a journey's name: take small letters, digits and _, a letter first"
        )
    file = folder / f"{name}.py"
    if name in known:
        raise NameTaken(f"a journey named {name!r} is shipped: take another name")
    source = source_of(name, recording)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(source)
    except FileExistsError:
        raise NameTaken(f"{file} exists: take another name, or delete it yourself") from None
    return file


def source_of(name: str, recording: Recording | None) -> str:
    """Write a journey's source text."""
    if recording is None:
        words, body = "Open the start page.", _TEMPLATE
        imports: tuple[str, ...] = ()
        helpers = "Page, Visit, expect, journey, promise, step"
    else:
        words, body, imports = "As it was recorded.", _steps(recording), recording.imports
        expects = "expect, " if "expect(" in body else ""
        helpers = f"Page, Visit, {expects}journey, step"
    lines = [
        f'"""The journey `{name}`."""',
        "",
        "from __future__ import annotations",
        "",
        *(f"import {module}\n" for module in imports),
        f"from probes.journey import {helpers}",
        "",
        "",
        f'@journey("{name}")',
        f"def {name}(page: Page, visit: Visit) -> None:",
        f'    """{words}"""',
    ]
    return "\n".join(lines) + "\n" + body


def yaml_of(name: str, folder: Path, base_url: str | None) -> str:
    """Write the configuration that runs the journey, and what a guard over it needs."""
    return f"""\
journeys_folder: {folder}

targets:
  {name}_site:
    base_url: {base_url or "https://www.example.org  # the site's own address"}

probes:
  {name}:
    target: {name}_site
    journey: {name}
    interval_s: 60
    timeout_s: 30
  # On demand, before a kill: the same page while this one browser is told that the flag is off.
  {name}_control:
    target: {name}_site
    journey: {name}
    interval_s: null
    timeout_s: 30
    force_flags: {{my_flag: false}}
  # On demand, after a kill: what users must meet then.
  {name}_proof:
    target: {name}_site
    journey: {name}
    interval_s: null
    timeout_s: 30

guards:
  {name}:
    flag: my_flag  # the one that the widget is behind
    mode: observe  # it decides and says so, but writes nothing
    probes: [{name}]
    control: {name}_control
    proof: {name}_proof
    rules:
      - {{rule: consecutive_failures, limit: 2}}
"""


def _steps(recording: Recording) -> str:
    parts = []
    for step, statements in recording.steps:
        parts.append(f"    with step({_quoted(step)}):\n")
        parts += [f"{_indented(statement)}\n" for statement in statements]
    return "".join(parts)


def _indented(statement: str) -> str:
    return textwrap.indent(statement, " " * 8)


def _quoted(text: str) -> str:
    plain = '"' not in text and "\\" not in text and text.isprintable()
    return f'"{text}"' if plain else repr(text)
