"""Front-end files: ours, and those of others from the packages that `make install` fetched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, abort, request

from daemon.web.server import WebError

ASSETS = Blueprint("assets", __name__)

OURS = Path(__file__).parent / "static"
#: A browser need never ask again for one of ours: another content has another path.
KEPT = "public, max-age=31536000, immutable"
PACKAGES = Path(__file__).parent / "assets" / "node_modules"
#: How long a browser need not ask again: they change with a release only, and then by their ETag.
FRESH_S = 86_400


class AssetsMissing(WebError):
    """Packages are not there; the message names them and the remedy."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a package, below `node_modules`."""

    path: str
    mimetype: str


SERVED = {
    "idiomorph.js": Asset("idiomorph/dist/idiomorph.esm.js", "text/javascript"),
    "swagger-ui.js": Asset("swagger-ui-dist/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": Asset("swagger-ui-dist/swagger-ui.css", "text/css"),
}


def static_path(ours: Path = OURS) -> str:
    """Return the path below which our own files are served; it changes with any of them.

    In the path, not in a query: modules import one another by their neighbours' names.
    """
    found = sha256()
    for file in sorted(ours.iterdir()):
        found.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return f"/static/{found.hexdigest()[:16]}"


def require(packages: Path = PACKAGES) -> None:
    """Make sure that every file is there.

    Raises:
        AssetsMissing: one is not, so pages would be dead; says which.
    """
    missing = [each.path for each in SERVED.values() if not (packages / each.path).is_file()]
    if missing:
        raise AssetsMissing(
            f"the dashboard's packages are not there ({', '.join(missing)}): run `make install`"
        )


@ASSETS.get("/assets/<name>")
def package(name: str) -> Response:
    """Send one of the files that pages load, and nothing else of the packages."""
    if name not in SERVED:
        abort(404)
    sent = Response(_content(SERVED[name].path), mimetype=SERVED[name].mimetype)
    sent.cache_control.max_age = FRESH_S
    sent.add_etag()
    sent.make_conditional(request)
    return sent


@cache
def _content(path: str) -> bytes:
    # Kept: a file that is sent as such stays open where the browser has it already (304).
    return (PACKAGES / path).read_bytes()
