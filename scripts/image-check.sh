#!/usr/bin/env bash
# Start the built image as its own user, and see that it answers and that its Chromium really
# walks a journey on the stage inside it. DEADLINE_S: how long that may take; default 120.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/container.sh

deadline_s=${DEADLINE_S:-120}
name=tripflag-check-$$
work=$(mktemp -d)
log=$work/log
ports=(--port 0 --stage-port 0)
: >"$log"

# Here, and only here, Chromium runs without its sandbox: it needs user namespaces, and those are
# refused in a chroot by the kernel and in a container by Docker's default profile. The image is
# left as it is; a deployment makes that choice in its configuration (see the Dockerfile).
cat >"$work/browser" <<'WRAPPER'
#!/bin/sh
exec /usr/bin/chromium-headless-shell --no-sandbox "$@"
WRAPPER
chmod 755 "$work" "$work/browser"

pause() { read -rt 0.3 <> <(:) || true; }

start() {
  local mounts=(--volume "$work/browser:/mnt/browser:ro" --env TRIPFLAG_BROWSER=/mnt/browser)
  if [[ $engine == docker ]]; then
    docker run --rm --name "$name" --network host "${mounts[@]}" "$image" demo "${ports[@]}" \
      >"$log" 2>&1 &
  else
    buildah from --quiet --name "$name" "$image" >/dev/null
    # Unlike docker run, this knows no entry point.
    buildah run --isolation chroot "${mounts[@]}" "$name" -- tini -- tripflag demo "${ports[@]}" \
      >"$log" 2>&1 &
  fi
  main=$!
}

# Processes below a process of ours, leaves last: chroot isolation has no namespace of processes.
below() {
  local child
  for child in $(pgrep -P "$1"); do
    echo "$child"
    below "$child"
  done
}

# The container's own first process and all below it; above it are buildah's.
contained() {
  local pid
  for pid in $(below "$main"); do
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == tini ]]; then
      echo "$pid"
      below "$pid"
    fi
  done
}

stop() {
  local pid all
  if [[ $engine == docker ]]; then
    docker stop --time 20 "$name" >/dev/null 2>&1 || true
    wait "$main" || true
    return
  fi
  # It may be asked to stop before it has started.
  until mapfile -t all < <(contained) && [[ ${#all[@]} -gt 0 ]] || ! kill -0 "$main" 2>/dev/null; do
    pause
  done
  # buildah passes no signal on: tell the first process, as an engine would.
  [[ ${#all[@]} -eq 0 ]] || kill -TERM "${all[0]}" 2>/dev/null || true
  for pid in "${all[@]}"; do
    timeout 20 tail --pid="$pid" -f /dev/null || say "still there after 20 s, killed: $pid"
    kill -KILL "$pid" 2>/dev/null || true
  done
  wait "$main" || true
  buildah rm "$name" >/dev/null
}

main=
trap '[[ -z $main ]] || stop; rm -rf "$work"' EXIT

get() { curl --silent --fail --max-time 5 "$1"; }

# The daemon is the one of the printed addresses that answers both.
find_daemon() {
  local address
  for address in $(grep -oE 'http://(127\.0\.0\.1|localhost):[0-9]+' "$log" | sort -u); do
    if get "$address/healthz" >/dev/null && get "$address/metrics" >"$work/metrics"; then
      echo "$address"
      return
    fi
  done
  return 1
}

# Jobs of journeys (only those have steps) with at least one run that passed.
walked() {
  awk '/^tripflag_step_duration_seconds_count\{/ && $NF > 0 {steps[job()] = 1}
    /^tripflag_runs_total\{/ && /outcome="passed"/ && $NF > 0 {line[job()] = $0}
    END {for (name in steps) if (name in line) print "  " line[name]}
    function job() {match($0, /job="[^"]*"/); return substr($0, RSTART, RLENGTH)}' "$work/metrics"
}

say "Starting $image with $engine ..."
start
until daemon=$(find_daemon) && [[ -n $(walked) ]]; do
  if ! kill -0 "$main" 2>/dev/null || ((SECONDS >= deadline_s)); then
    say "No journey passed within $SECONDS s. What the container said:"
    tail -n 40 "$log" >&2
    exit 1
  fi
  pause
done
say "After $SECONDS s: $daemon/healthz answers 200, and these journeys passed in a real browser:"
walked >&2
if [[ $engine == buildah ]]; then
  say "Its processes, by user:"
  ps -o uid=,comm= -p "$(contained | paste -sd,)" | sort | uniq -c >&2
fi
stop
main=
say "Stopped."
