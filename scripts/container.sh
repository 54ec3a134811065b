# Sourced by the image scripts: which engine builds and runs, and under which name.
# shellcheck shell=bash disable=SC2034

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

image=${TAG:-tripflag}
if docker info >/dev/null 2>&1; then
  engine=docker
elif command -v buildah >/dev/null; then
  engine=buildah
  image=localhost/$image
  # buildah picks overlay where the kernel allows it, else vfs, which needs nothing but disk.
  # Its 1.28 reads STORAGE_DRIVER only from the command line.
  buildah() { command buildah ${STORAGE_DRIVER:+--storage-driver "$STORAGE_DRIVER"} "$@"; }
else
  fail "Neither a Docker engine nor buildah is here: apt-get install buildah debootstrap"
fi
