# syntax=docker/dockerfile:1
# Tripflag with its own Chromium, as a non-root user.
#
#   docker run --read-only --tmpfs /tmp -v state:/var/lib/tripflag \
#     -v ./tripflag.yaml:/etc/tripflag/tripflag.yaml:ro -p 8700:8700 tripflag
#
# Chromium's sandbox stays on, because pages bring scripts of third parties. It needs user
# namespaces, which Docker's default seccomp profile refuses: give the container a profile that
# allows clone, setns and unshare (`--security-opt seccomp=FILE`). Only where that cannot be had,
# write `browser: {args: ["--no-sandbox"]}` into the mounted file: a decision that a reader of the
# configuration sees. The uid of its own, the read-only file system and a limit on where the
# container may connect to are then all that stands between a page and the network.
#
# To publish the port, the mounted file needs `web: {host: 0.0.0.0}` and an operator token.

ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get -qq update \
 && apt-get -qq install -y --no-install-recommends ca-certificates python3 python3-venv
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# Secrets are how settings of the building machine (scripts/image.sh) reach pip and npm without
# leaving a trace; each may be absent. `environment` exports PIP_* and NPM_CONFIG_* values.
# The environment that is shipped gets no pip: one of the build's own installs into it.
RUN --mount=type=secret,id=environment --mount=type=secret,id=ca \
    if [ -s /run/secrets/environment ]; then . /run/secrets/environment; fi; \
    awk '/^setuptools==/ {keep = 1} keep {print; if (!/\\$/) exit}' requirements-dev.lock \
      > setuptools.lock \
 && python3 -m venv /build \
 && /build/bin/pip install --quiet --no-cache-dir --require-hashes -r setuptools.lock \
 && python3 -m venv --without-pip /opt/tripflag \
 && /build/bin/pip --python /opt/tripflag/bin/python install --quiet --no-cache-dir \
      --require-hashes -r requirements.lock
COPY scripts/assets.sh scripts/npm.lock scripts/
COPY probes/assets probes/assets
COPY daemon/web/assets daemon/web/assets
RUN --mount=type=secret,id=environment --mount=type=secret,id=ca \
    if [ -s /run/secrets/environment ]; then . /run/secrets/environment; fi; \
    VENV=/build scripts/assets.sh probes/assets && VENV=/build scripts/assets.sh daemon/web/assets
COPY pyproject.toml README.md ./
COPY config config
COPY daemon daemon
COPY flags flags
COPY probes probes
RUN /build/bin/pip wheel --quiet --no-cache-dir --no-index --no-deps --no-build-isolation \
      --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/tripflag/bin/python install --quiet --no-cache-dir \
      --no-index --no-deps /wheels/*.whl

FROM ${BASE}
# Fonts, because a page without glyphs paints boxes, and its vitals are not the users'.
# libatomic1, because the node inside Playwright's wheel is linked to it.
# tini, because Chromium's helpers become orphans when a worker is killed, and somebody must reap.
RUN apt-get -qq update \
 && apt-get -qq install -y --no-install-recommends \
      ca-certificates chromium-headless-shell fonts-liberation libatomic1 python3 tini tzdata \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tripflag \
      --shell /usr/sbin/nologin tripflag \
 && install -d -m 0750 -o tripflag -g tripflag /var/lib/tripflag && mkdir /etc/tripflag
COPY --from=build /opt/tripflag /opt/tripflag
ENV PATH=/opt/tripflag/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/tripflag \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIPFLAG_HEALTHZ=http://127.0.0.1:8700/healthz
USER 10001:10001
WORKDIR /var/lib/tripflag
VOLUME /var/lib/tripflag
EXPOSE 8700
# Set TRIPFLAG_HEALTHZ where the mounted file moves web.port.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen(os.environ['TRIPFLAG_HEALTHZ'], timeout=4)"]
ENTRYPOINT ["tini", "--", "tripflag"]
CMD ["up", "/etc/tripflag/tripflag.yaml"]
