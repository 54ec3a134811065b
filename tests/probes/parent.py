"""A daemon in small: a pool with work under way, for tests that kill it from outside.

Arguments: the site's address, the owner's mark, a file that tells when the journey is there, and
the journey.
"""

from __future__ import annotations

import sys
import threading

from config.schema import BrowserSpec, PoolSpec, TargetSpec
from probes.pool import LocalPool
from tests.probes.conftest import job


def main(url: str, owner: str, here: str, journey: str) -> None:
    pool = LocalPool("local", PoolSpec(workers=2), BrowserSpec(), owner, lambda _run: None)
    target = TargetSpec(name="site", base_url=url)
    for name in (here, f"{here}-2"):
        pool.submit(job(journey, target, {"here": name, "wait_s": 60}, timeout_s=60))
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
