"""Every kind of problem that the API answers: its address, its meaning and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

#: Where each kind has its page; with a name behind it this is a problem's `type`.
PATH = "/problems/"


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` never changes, because programs compare it; `title` is the same for every problem of
    the kind, and `detail` of the problem itself says what happened this time.
    """

    name: str
    status: int
    title: str
    means: str
    remedy: str

    @property
    def type(self) -> str:
        """The URI reference that names the kind, and leads to its page."""
        return PATH + self.name


_ALL = (
    Kind(
        "bad-request",
        400,
        "The request cannot be read",
        "The body is not JSON, or the request is not one that HTTP allows.",
        "Send a JSON object, {} at least; the detail says where reading stopped.",
    ),
    Kind(
        "token-needed",
        401,
        "A token is needed",
        "No token came with the request, or one that is not known here: revoked, expired or "
        "mistyped.",
        "Send `Authorization: Bearer TOKEN`, or sign in on the dashboard. An administrator makes "
        "tokens with `tripflag token create`.",
    ),
    Kind(
        "not-allowed",
        403,
        "Not allowed",
        "The token's role does not include this, the form has no valid key, or the request comes "
        "from a page or a host name that is not ours.",
        "Use a token with the role that the detail names; behind a proxy, keep the Host header and "
        "name the host in web.allowed_hosts.",
    ),
    Kind(
        "not-found",
        404,
        "Nothing is here",
        "There is no such path, or nothing of that name or id; runs and evidence are kept for as "
        "long as the journal's settings say.",
        "Take a name from `known`, or look through the list of what there is.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "The method is not served here",
        "The path exists, but not for this method.",
        "Use a method of the answer's Allow header.",
    ),
    Kind(
        "conflict",
        409,
        "It makes no sense now",
        "The request is well formed, but what it acts on is in a state that does not allow it: a "
        "guard that is not tripped cannot be reset, a probe under way cannot be run again, gates "
        "are not those that were seen.",
        "Look at it again, and decide anew.",
    ),
    Kind(
        "overtaken",
        412,
        "Someone was first",
        "What you decided upon has changed since you looked: its ETag is not the one in If-Match. "
        "Nothing was written.",
        "Look at it again, and send the act with its new ETag if you still want it.",
    ),
    Kind(
        "too-large",
        413,
        "The body is too large",
        "The body is over what any act of ours needs.",
        "Send a shorter reason, or fewer gates.",
    ),
    Kind(
        "not-json",
        415,
        "The body must be JSON",
        "Acts are taken as JSON only: any page can post a form without asking, but not JSON.",
        "Send `Content-Type: application/json`.",
    ),
    Kind(
        "invalid",
        422,
        "A value does not fit",
        "A parameter, header or member of the body is missing, unknown or out of its limits; "
        "`errors` names each. Nothing was done.",
        "Mend what `errors` names; the API's description has every limit.",
    ),
    Kind(
        "too-many-attempts",
        429,
        "Too many attempts",
        "Too many tokens that are not known here came from this address.",
        "Wait for as many seconds as the Retry-After header says, then send a valid token.",
    ),
    Kind(
        "defect",
        500,
        "A defect of Tripflag's",
        "Something failed that should not have. Guards go on in their own threads.",
        "The daemon's log has the details; please report it with the request id.",
    ),
    Kind(
        "unavailable",
        503,
        "Not available now",
        "The flag store or the journal does not answer, or every place for streams is taken.",
        "The detail names the part; ask again after Retry-After, or in a few seconds.",
    ),
)
KINDS = {kind.name: kind for kind in _ALL}
_BY_STATUS = {kind.status: kind for kind in _ALL}


def kind_of(status: int) -> Kind:
    """Return the kind of a status; one that we never give counts as its class's general one."""
    found = _BY_STATUS.get(status)
    return found or _BY_STATUS[400 if status < 500 else 500]
