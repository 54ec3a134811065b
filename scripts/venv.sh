#!/usr/bin/env bash
# Make .venv hold exactly the locked packages, and this project in editable form.
# pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, PIP_CERT, pip.conf ...) count as always.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer is needed, and none was found."
  say "Install one (Debian 12, Ubuntu 24.04 or newer: apt-get install python3 python3-venv),"
  say "or name it: make PYTHON=/path/to/python3.11 ..."
  return 1
}

# Debian and Ubuntu ship Python without the part that makes environments.
need_ensurepip() {
  "$1" -c 'import ensurepip' 2>/dev/null && return
  local package
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    say "Installing $package with apt ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update || say "apt-get update failed; trying with the lists that are here"
    apt-get -qq install -y --no-install-recommends "$package" >/dev/null
  else
    say "This Python cannot make environments. As root: apt-get install $package"
    return 1
  fi
}

if ! new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  need_ensurepip "$python"
  say "Making .venv with $("$python" --version) ..."
  "$python" -m venv --clear .venv
fi

say "Installing the locked packages (a fresh machine: a minute or two) ..."
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet --require-hashes -r requirements-dev.lock
"${pip[@]}" install --quiet --no-deps --no-build-isolation -e .
