"""What kind of thing went wrong: each fault made for real, and told apart from the others."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from config.schema import BrowserSpec, TargetSpec, UplinkSpec
from probes.model import FailureClass, Outcome, Run
from probes.runner import Runner
from probes.stage.faults import Fault
from tests.probes.conftest import FLAG, Answer, Site, Stage, closed_port, job, uplink_at, wait_until

pytestmark = pytest.mark.browser


def opened(runner: Runner, url: str, uplink: UplinkSpec | None = None) -> Run:
    target = TargetSpec(name="elsewhere", base_url=url)
    return runner.execute(job("opens", target, timeout_s=1.5, uplink=uplink or UplinkSpec()))


def away() -> UplinkSpec:
    return uplink_at(f"http://127.0.0.1:{closed_port()}")


def reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
    line.close()


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on which each connection meets `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    with suppress(OSError):
                        serve(line)

        thread = threading.Thread(target=accept)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)
    assert not thread.is_alive()


def asked(then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def serve(line: socket.socket) -> None:
        line.recv(65_536)
        then(line)

    return serve


def garbage(line: socket.socket) -> None:
    line.sendall(b"\x00\x01 no protocol at all\r\n\r\n")
    line.close()


@pytest.mark.parametrize(
    ("serve", "scheme", "failure"),
    [
        pytest.param(reset, "http", FailureClass.RESET, id="RST after accept"),
        pytest.param(asked(reset), "http", FailureClass.RESET, id="RST after the request"),
        pytest.param(asked(socket.socket.close), "http", FailureClass.RESET, id="FIN, no answer"),
        pytest.param(asked(garbage), "http", FailureClass.NETWORK, id="no HTTP"),
        pytest.param(asked(garbage), "https", FailureClass.TLS, id="no TLS"),
    ],
)
def test_a_target_that_breaks_the_line_is_told_by_how_it_does(
    runner: Runner, serve: Callable[[socket.socket], None], scheme: str, failure: FailureClass
) -> None:
    with listening(serve) as port:
        run = opened(runner, f"{scheme}://127.0.0.1:{port}")

    assert (run.outcome, run.failure) == (Outcome.FAILED, failure), run.reason
    assert not run.hard


@pytest.mark.parametrize(
    ("end", "word"), [(reset, "CONNECTION_RESET"), (None, "CONTENT_LENGTH_MISMATCH")]
)
def test_a_page_that_breaks_off_in_its_body_is_told_from_one_that_stalls(
    runner: Runner, site: Site, end: Callable[[socket.socket], None] | None, word: str
) -> None:
    def send_half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(b"<!doctype html><h1>Half</h1><img src='/seen'>")
        handler.wfile.flush()
        wait_until(lambda: "/seen" in site.hits)  # so that half is in the page
        if end is not None:
            handler.rfile.close()
            end(handler.connection)

    site.answers["/"] = Answer(send_half)

    run = opened(runner, site.url, away())

    assert (run.outcome, run.failure) == (Outcome.FAILED, FailureClass.RESET)
    assert f"the page broke off with net::ERR_{word}" in run.reason


def test_a_port_on_which_nobody_listens_refuses(runner: Runner) -> None:
    run = opened(runner, f"http://127.0.0.1:{closed_port()}")

    assert (run.outcome, run.failure) == (Outcome.FAILED, FailureClass.REFUSED)


def test_a_name_that_is_not_resolved_is_our_error_of_its_own_kind(runner: Runner) -> None:
    run = opened(runner, "http://nobody.invalid")

    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.DNS)


def test_a_certificate_that_nobody_signed_is_the_targets_fault(
    runner: Runner, tmp_path: Path
) -> None:
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    files = ["-keyout", "lone.key", "-out", "lone.pem"]
    subprocess.run(
        ["openssl", *words.split(), *files], cwd=tmp_path, check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "lone.pem", tmp_path / "lone.key")

    def shake_hands(line: socket.socket) -> None:
        with context.wrap_socket(line, server_side=True) as secure:
            secure.recv(1)

    with listening(shake_hands) as port:
        run = opened(runner, f"https://localhost:{port}")

    assert (run.outcome, run.failure) == (Outcome.FAILED, FailureClass.TLS)
    assert "CERT_AUTHORITY_INVALID" in run.reason


@pytest.mark.parametrize(
    ("says", "failure"),
    [("hang", FailureClass.NO_FIRST_BYTE), ("hang_after_headers", FailureClass.STALLED)],
)
def test_silence_before_the_first_byte_is_told_from_silence_after_it(
    runner: Runner, site: Site, says: str, failure: FailureClass
) -> None:
    site.answers["/"] = Answer(getattr(site, says))

    run = opened(runner, site.url)

    assert (run.outcome, run.failure) == (Outcome.FAILED, failure)


def test_a_second_page_that_stays_silent_is_not_excused_by_the_first(
    runner: Runner, site: Site
) -> None:
    site.answers |= {"/": Answer("<!doctype html><h1>One</h1>"), "/two": Answer(site.hang)}

    run = runner.execute(job("opens", site.target, {"paths": ["/", "/two"]}, timeout_s=2))

    assert run.failure is FailureClass.NO_FIRST_BYTE


def test_a_redirect_into_silence_has_no_first_byte(runner: Runner, site: Site) -> None:
    site.answers |= {
        "/": Answer(status=302, headers={"Location": "/two"}),
        "/two": Answer(site.hang),
    }

    assert opened(runner, site.url).failure is FailureClass.NO_FIRST_BYTE


def test_a_picture_that_never_comes_stalls_a_page_that_waits_for_it(
    runner: Runner, site: Site
) -> None:
    site.answers |= {
        "/": Answer("<!doctype html><h1>Site</h1><img src='/slow'>"),
        "/slow": Answer(site.hang),
    }

    run = opened(runner, site.url)

    assert (run.outcome, run.failure) == (Outcome.FAILED, FailureClass.STALLED)


@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_an_uplink_that_is_away_is_the_kind_of_failure_that_hides_all_others(
    runner: Runner, site: Site, fault: str
) -> None:
    site.answers["/"] = Answer(site.hang)
    url = site.url if fault == "silent" else f"http://127.0.0.1:{closed_port()}"

    run = opened(runner, url, away())

    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.UPLINK)


@pytest.mark.parametrize(
    ("journey", "failure"),
    [
        ("crashes_the_renderer", FailureClass.RENDERER),
        ("kills_renderers", FailureClass.RENDERER),
        ("kills_the_browser", FailureClass.BROWSER),
        ("kills_the_driver", FailureClass.BROWSER),
        ("misses_a_key", FailureClass.JOURNEY),
        ("asks_by_bad_selector", FailureClass.JOURNEY),
        ("exits", FailureClass.JOURNEY),
        ("absent", FailureClass.JOURNEY),
    ],
)
@pytest.mark.usefixtures("next_run_works")
def test_what_broke_on_our_side_is_told_apart_too(
    runner: Runner, site: Site, journey: str, failure: FailureClass
) -> None:
    run = runner.execute(job(journey, site.target, timeout_s=3))

    assert (run.outcome, run.failure) == (Outcome.ERROR, failure), run.reason


@pytest.mark.parametrize("loses", ["renderer", "browser"])
@pytest.mark.usefixtures("next_run_works")
def test_what_died_under_a_waiting_assertion_is_named(
    runner: Runner, site: Site, loses: str
) -> None:
    here = job("loses_the_browser_while_it_waits", site.target, {"loses": loses}, timeout_s=3)

    assert runner.execute(here).failure == loses


def test_a_browser_that_does_not_start_is_a_failure_of_the_browser(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    absent = BrowserSpec(executable=tmp_path / "chromium")

    assert runner.execute(job("opens", site.target, browser=absent)).failure == "browser"


def test_a_page_that_fills_its_memory_is_an_error_like_any_lost_renderer(site: Site) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Hungry</h1><script>setTimeout(() => {"
        "  const all = []; while (true) all.push(new Array(1e5).fill(Math.random() + 'x'));"
        "}, 50)</script>"
    )
    small = BrowserSpec(args=("--js-flags=--max-old-space-size=40",))
    runner = Runner()

    run = runner.execute(job("opens", site.target, {"wait_for": "false"}, browser=small))

    runner.close()
    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.RENDERER)


def test_a_broken_promise_is_no_fault_of_the_network(runner: Runner, site: Site) -> None:
    run = runner.execute(job("breaks_a_promise", site.target))

    assert (run.outcome, run.failure, run.hard) == (Outcome.FAILED, FailureClass.PROMISE, False)


def test_a_name_server_that_loses_the_api_is_named_under_a_broken_promise(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Trouble</h1><script>fetch('http://api.invalid/data')</script>"
    )
    target = TargetSpec(name="site", base_url=site.url, api_url="http://api.invalid")

    run = runner.execute(job("opens", target, {"see": "All is well"}))

    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.DNS)


def test_a_passed_run_has_no_failure_and_a_skipped_one_says_which_kind_it_was(
    runner: Runner, stage: Stage, site: Site
) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Site</h1>")
    passed = runner.execute(job("opens", site.target, {"see": "Site"}))
    params = {"expect": "representative", "name": "Pat Q. Example", "settle_s": 3}
    walk = job(
        "representative_status",
        stage.target,
        params,
        probe={"cookies": {"stage_user": "representative"}},
    )
    stage.faults.switch(Fault.API_403, True)
    business = runner.execute(walk)
    stage.faults.mend()
    stage.flags[FLAG] = False
    unexposed = runner.execute(walk)

    assert passed.failure is None
    assert (business.outcome, business.failure) == (Outcome.SKIPPED, FailureClass.BUSINESS)
    assert (unexposed.outcome, unexposed.failure) == (Outcome.SKIPPED, FailureClass.NO_EXPOSURE)
