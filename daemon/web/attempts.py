"""How often an address may send a wrong token."""

from __future__ import annotations

import ipaddress
import math
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from daemon.web.problem import Refused

#: A person who pastes the wrong line a few times is let be; a program that guesses is not.
ALLOWED = "10/minute"


class Attempts:
    """Counts wrong tokens by address, in memory: a restart forgets them.

    Behind a proxy every address is the proxy's: its clients are then counted together, and one that
    guesses shuts out for a minute who sends a token of the configuration through it. Tokens that
    we made are not asked for here, and sessions go on.
    """

    def __init__(self, allowed: str = ALLOWED) -> None:
        self._allowed = parse(allowed)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, address: str) -> None:
        """Refuse every token that somebody may have chosen from an address that sent too many
        wrong ones, right ones too: else the refusal would tell which is which.

        Raises:
            Refused: 429, with the seconds to wait in `Retry-After`.
        """
        key = _key(address)
        if self._limiter.test(self._allowed, key):
            return
        until = self._limiter.get_window_stats(self._allowed, key).reset_time
        wait_s = max(1, math.ceil(until - time.time()))
        raise Refused(
            429,
            f"too many wrong tokens came from {address}: wait {wait_s} s, then send the right one",
            {"Retry-After": str(wait_s)},
        )

    def failed(self, address: str) -> None:
        """Count one wrong token."""
        self._limiter.hit(self._allowed, _key(address))


def _key(address: str) -> str:
    # Whoever has one IPv6 address has the 2^64 of its network.
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))
