#!/usr/bin/env bash
# Build the container image. Where a Docker engine answers, it does; else Debian's buildah does,
# without an engine, on a base that debootstrap makes from this machine's own Debian mirror.
#
#   TAG=NAME      name of the image; default: tripflag
#   BASE=IMAGE    start from this image instead
#   RELEASE=NAME  Debian release of debootstrap's base; default: bookworm
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/container.sh

release=${RELEASE:-bookworm}
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT

# pip and npm inside the build obey the settings of this machine. Values that name local folders
# would mean nothing there. They travel as secrets, since an index URL may carry a password.
write_secrets() {
  local name value ca=${PIP_CERT:-${SSL_CERT_FILE:-}}
  : >"$secrets/environment"
  for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT \
    NPM_CONFIG_REGISTRY; do
    value=${!name:-}
    [[ -z $value || $value == *file:* ]] || printf 'export %s=%q\n' "$name" "$value"
  done >>"$secrets/environment"
  if [[ -n $ca && -s $ca ]]; then
    cp "$ca" "$secrets/ca"
    for name in PIP_CERT NODE_EXTRA_CA_CERTS NPM_CONFIG_CAFILE; do
      printf 'export %s=/run/secrets/ca\n' "$name"
    done >>"$secrets/environment"
  else
    : >"$secrets/ca"
  fi
}

# The mirrors of this machine for the wanted release, as lines of a sources.list.
mirrors() {
  # Single quotes: apt fills these in, not the shell.
  # shellcheck disable=SC2016
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v wanted="$release" '($3 == wanted || index($3, wanted "-") == 1) && $4 == "main"' |
    sort -u
}

make_base() {
  local cache=${XDG_CACHE_HOME:-/var/tmp}/tripflag/base-$release.tar root mirror
  if [[ ! -s $cache ]]; then
    command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
    mirror=$(mirrors | awk -v wanted="$release" '$3 == wanted {print $2; exit}')
    [[ -n $mirror ]] || fail "apt on this machine knows no mirror for $release: set BASE or RELEASE"
    mkdir -p "$(dirname "$cache")"
    root=$(mktemp -d /var/tmp/tripflag-base.XXXXXX)
    say "Making a $release base with debootstrap (a minute) ..."
    debootstrap --variant=minbase "$release" "$root" "$mirror" >"$root.log" 2>&1 ||
      fail "debootstrap failed: see $root.log"
    mirrors >"$root/etc/apt/sources.list"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" --numeric-owner -cf "$cache.new" .
    mv "$cache.new" "$cache"
    rm -rf "$root" "$root.log"
  fi
  if ! buildah inspect --type image "localhost/tripflag-base:$release" >/dev/null 2>&1; then
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$cache" / >/dev/null
    buildah commit --quiet --rm "$container" "localhost/tripflag-base:$release" >/dev/null
  fi
}

write_secrets
arguments=(--secret "id=environment,src=$secrets/environment" --secret "id=ca,src=$secrets/ca")
if [[ $engine == docker ]]; then
  [[ -z ${BASE:-} ]] || arguments+=(--build-arg "BASE=$BASE")
  DOCKER_BUILDKIT=1 docker build "${arguments[@]}" --tag "$image" .
else
  [[ -n ${BASE:-} ]] || make_base
  say "Building $image with buildah (a few minutes) ..."
  # Docker's format, since OCI's has no HEALTHCHECK.
  buildah build --isolation chroot --format docker "${arguments[@]}" \
    --build-arg "BASE=${BASE:-localhost/tripflag-base:$release}" --tag "$image" .
fi
say "Built $image."
