"""From what `playwright codegen` recorded to a journey's source text.

Takes both synchronous Python flavours: the script (`--target python`) and the test
(`--target python-pytest`).
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from probes.model import ProbeError

#: What the script does around the recording, and a journey gets done for it.
_FRAME = frozenset({"launch", "new_context", "storage_state"})
#: Calls whose first argument is an address.
_ADDRESSED = frozenset({"goto", "to_have_url", "wait_for_url"})
_TYPING = frozenset({"fill", "type", "press_sequentially"})
_SECRET = re.compile(r"password|passcode|secret|token|\bpin\b|ssn|social security", re.IGNORECASE)

REMEDY = "record it with `playwright codegen --target python -o FILE URL`"


class CodegenError(ProbeError):
    """A recording that no journey can be made of; says why and the remedy."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded.

    `base_url`: origin of the first page, the target's. `steps`: names and their statements'
    source text, in order. `imports`: modules that the statements use. `warnings`: what a person
    should look at.
    """

    base_url: str
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    imports: tuple[str, ...]
    warnings: tuple[str, ...]


def read_recording(source: str) -> Recording:
    """Take the page's actions out of a recording, split at each page that it opens.

    Raises:
        CodegenError: not Python, an asynchronous recording, or none with a page in it.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as cause:
        raise CodegenError(f"the recording is not Python ({cause}): {REMEDY}") from cause
    body, page = _recorded(module)
    origin = _first_origin(body)
    rewrite = _Rewrite(page, origin)
    # Before the rewriting, which changes the statements in place.
    warnings = (*_context_warnings(module), *_secret_warnings(body))
    kept = [rewrite.visit(each) for each in body if not _is_frame(each, page)]
    return Recording(
        base_url=origin,
        steps=_split(kept),
        imports=("re",) if _uses(kept, "re") else (),
        warnings=warnings,
    )


def _split(statements: Iterable[ast.stmt]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Begin a step at each page that is opened; no two have one name, as metrics go by it."""
    steps: list[tuple[str, list[str]]] = []
    seen: Counter[str] = Counter()
    for statement in statements:
        opened = _opened(statement)
        if opened is not None or not steps:
            name = f"open {opened or 'the page'}"
            seen[name] += 1
            again = f", time {seen[name]}" if seen[name] > 1 else ""
            steps.append((f"{name}{again}", []))
        steps[-1][1].append(_text(statement))
    return tuple((name, tuple(lines)) for name, lines in steps)


def _recorded(module: ast.Module) -> tuple[list[ast.stmt], str]:
    """Return the statements of the function that was recorded, and what its page is called."""
    if any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(module)):
        raise CodegenError(f"the recording is asynchronous: {REMEDY}")
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            page = _page_name(node)
            if page is not None:
                return node.body, page
    raise CodegenError(f"the recording has no function with a page in it: {REMEDY}")


def _page_name(function: ast.FunctionDef) -> str | None:
    for argument in function.args.args:
        if argument.arg == "page":
            return argument.arg
    for statement in function.body:
        if _called(statement) == "new_page":
            return _assigned(statement)
    return None


def _first_origin(body: Iterable[ast.stmt]) -> str:
    for statement in body:
        address = _address(statement)
        if address is not None:
            origin = _origin(address)
            if origin is not None:
                return origin
            raise CodegenError(f"the recording opens {address!r}, which is no web page: {REMEDY}")
    raise CodegenError(f"the recording opens no page: {REMEDY}")


def _origin(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:  # such as http://[
        return None
    is_web = parts.scheme in ("http", "https") and parts.hostname
    return f"{parts.scheme}://{parts.netloc}" if is_web else None


class _Rewrite(ast.NodeTransformer):
    """Makes addresses the target's own, and the names a journey's."""

    def __init__(self, page: str, origin: str) -> None:
        self._page = page
        self._origin = origin

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._page:
            return ast.Name("page", node.ctx)
        if node.id == "context":
            return ast.Attribute(ast.Name("page", ast.Load()), "context", node.ctx)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ADDRESSED and node.args:
            node.args[0] = self._of_target(node.args[0])
        return node

    def _of_target(self, address: ast.expr) -> ast.expr:
        if not isinstance(address, ast.Constant) or not isinstance(address.value, str):
            return address
        if _origin(address.value) != self._origin:
            return address
        path = address.value[len(self._origin) :] or "/"
        url = ast.Attribute(ast.Name("visit", ast.Load()), "url", ast.Load())
        return ast.Call(url, [ast.Constant(path)], [])


def _is_frame(statement: ast.stmt, page: str) -> bool:
    """Tell whether a statement only sets the stage: browser, context, first page, their ends.

    A page that is opened later is an action of the user's, whatever opened it.
    """
    match _called(statement):
        case "new_page":
            return _assigned(statement) == page
        case "close":
            return _receiver(statement) in ("context", "browser", page)
        case called:
            return called in _FRAME


def _assigned(statement: ast.stmt) -> str | None:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else None


def _called(statement: ast.stmt) -> str | None:
    call = getattr(statement, "value", None)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return call.func.attr
    return None


def _receiver(statement: ast.stmt) -> str | None:
    call: Any = getattr(statement, "value", None)
    owner = call.func.value
    return owner.id if isinstance(owner, ast.Name) else None


def _address(statement: ast.stmt) -> str | None:
    call: Any = getattr(statement, "value", None)
    if _called(statement) != "goto" or not call.args:
        return None
    first = call.args[0]
    known = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return str(first.value) if known else None


def _opened(statement: ast.stmt) -> str | None:
    """Return the path, or foreign address, that a rewritten statement opens."""
    if _called(statement) != "goto":
        return None
    call: Any = getattr(statement, "value", None)
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Call) and first.args:
        first = first.args[0]
    if isinstance(first, ast.Constant):
        # Without query and fragment: a step's name is a metric's label.
        return str(first.value).partition("?")[0].partition("#")[0]
    return "the page"


def _uses(statements: Iterable[ast.stmt], name: str) -> bool:
    nodes = (node for statement in statements for node in ast.walk(statement))
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _context_warnings(module: ast.Module) -> Iterable[str]:
    for node in ast.walk(module):
        given = ""
        if isinstance(node, ast.FunctionDef) and node.name == "browser_context_args":
            given = "options of its own"
        elif isinstance(node, ast.Assign) and _called(node) == "new_context":
            call: Any = node.value
            given = ", ".join(keyword.arg or "a device" for keyword in call.keywords)
        if given:
            yield (
                f"recorded with {given}: a journey has no context of its own; set the probe's "
                "viewport, locale, timezone, cookies or storage_state_file instead"
            )


def _secret_warnings(body: Iterable[ast.stmt]) -> Iterable[str]:
    for node in (node for statement in body for node in ast.walk(statement)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        field = ast.unparse(node.func.value)
        if node.func.attr in _TYPING and _SECRET.search(field):
            yield (
                f"line {node.lineno}: what was typed into {field} stands in the file: move it "
                "into the probe's params, as ${ENV}, and read visit.params"
            )


def _text(statement: ast.stmt) -> str:
    """Write a statement with double quotes, where they need no backslash."""
    source = ast.unparse(ast.fix_missing_locations(statement))
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string
        if token.type == tokenize.STRING and re.match(r"'(?!'')", text) and '"' not in text:
            inside = text[1:-1].replace("\\'", "'")
            text = f'"{inside}"'
        tokens.append((token, text))
    return _joined(source, tokens)


def _joined(source: str, tokens: list[tuple[tokenize.TokenInfo, str]]) -> str:
    lines = source.splitlines(keepends=True)
    # From the end, so that the places of the earlier tokens stay true.
    for token, text in reversed(tokens):
        if token.type == tokenize.STRING and text != token.string:
            (row, start), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:start] + text + lines[row - 1][end:]
    return "".join(lines)
