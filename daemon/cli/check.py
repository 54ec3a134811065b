"""`tripflag check` and `tripflag schema`: a configuration, before a daemon reads it."""

from __future__ import annotations

import os

from daemon.cli.options import WRONG, AsJson, give_up, print_json
from daemon.cli.serve import File
from daemon.cli.terminal import say


def check(file: File, as_json: AsJson = False) -> None:
    """Check FILE and the journeys that it names. Exits with 0, or with 2 and every problem."""
    from config.load import ConfigError, load
    from daemon.app import check_journeys
    from probes.model import ProbeError

    try:
        config = load(file, os.environ)
        check_journeys(config)
    except (ConfigError, ProbeError) as cause:
        if as_json:
            print_json({"file": str(file), "good": False, "problems": str(cause).splitlines()})
            raise SystemExit(WRONG) from cause
        give_up(str(cause), WRONG)
    counts = {kind: len(getattr(config, kind)) for kind in ("targets", "probes", "guards")}
    if as_json:
        print_json({"file": str(file), "good": True, "problems": [], **counts})
        return
    say(f"{file}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}: good")


def schema() -> None:
    """Print the JSON schema of the configuration file, for editors."""
    from config.load import json_schema

    print_json(json_schema())
