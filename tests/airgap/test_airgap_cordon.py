"""The cordon itself, around a small server: silence is seen as silence, a planted library by each instrument."""

import subprocess
import sys

import pytest
from cordon import run
from cordon.run import PLANTED, Barred, Plan

pytestmark = pytest.mark.real
ADDRESS = "http://127.0.0.1:8099"

SERVER = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = b'<script src="/own.js"></script><script src="https://cdn.example.invalid/x.js"></script>'
        body = page if self.path == "/page" else b"{}"
        self.send_response(200)
        self.send_header("content-type", "text/html" if self.path == "/page" else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
# An address, not a name: HTTPServer would ask for its own name.
http.server.HTTPServer.server_bind = lambda s: http.server.socketserver.TCPServer.server_bind(s)
http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Door).serve_forever()
"""


def plan(source: str = SERVER, paths: tuple[str, ...] = ("/",), **more) -> Plan:
    requests = [{"method": "GET", "path": path} for path in paths]
    return Plan(
        [sys.executable, "-c", source], ADDRESS, requests, "/", start_seconds=20, **{"linger_seconds": 0.3, **more}
    )


def test_a_server_that_stays_at_home_is_not_accused(tmp_path, observe):
    report = observe(plan(), tmp_path)

    assert report.sightings == []
    assert [(answer["path"], answer["status"]) for answer in report.answers] == [("/", 200)]
    assert (report.ready, report.exit_status) == (True, 0)


@pytest.fixture(scope="module")
def caught(tmp_path_factory, observe):
    """What the instruments saw of a server with a planted library that phones home in three ways."""
    return observe(plan(environment=PLANTED), tmp_path_factory.mktemp("planted"))


def test_the_trace_catches_a_planted_library(caught):
    places = {(sighting.what, sighting.to, sighting.port) for sighting in caught.traced}

    assert ("connect", "203.0.113.7", 443) in places
    assert ("sendto", "203.0.113.7", 4000) in places
    assert ("connect", "192.0.2.1", 53) in places


def test_the_sink_catches_a_planted_library(caught):
    places = {(sighting.what, sighting.to, sighting.port) for sighting in caught.packets}

    assert {("tcp", "203.0.113.7", 443), ("udp", "203.0.113.7", 4000), ("udp", "192.0.2.1", 53)} <= places


def test_the_resolver_catches_a_planted_library(caught):
    assert "telemetry.example.invalid" in {sighting.to for sighting in caught.names}


def test_a_question_to_a_resolver_on_loopback_is_counted(tmp_path, observe):
    ask = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.53', 53))\n"

    report = observe(plan(ask + SERVER), tmp_path)

    assert ("trace", "127.0.0.53", 53) in {(s.instrument, s.to, s.port) for s in report.traced}
    assert ("sink", "127.0.0.53", 53) in {(s.instrument, s.to, s.port) for s in report.packets}


def test_nobody_gets_a_ring_to_hide_in(tmp_path, observe):
    ring = "ctypes.CDLL(None).syscall(425, 8, ctypes.byref(ctypes.create_string_buffer(120)))"
    refused = f"import ctypes, sys; {ring} == -1 or sys.exit('a ring stands')\n"

    report = observe(plan(refused + SERVER), tmp_path)

    assert (report.ready, report.sightings) == (True, [])
    assert "(INJECTED)" in (tmp_path / "trace.log").read_text()


def test_a_child_in_a_namespace_of_its_own_is_still_traced(tmp_path, observe):
    child = "import socket; socket.socket().connect_ex(('203.0.113.7', 443))"
    start = f"import subprocess, sys; subprocess.run(['unshare', '--net', sys.executable, '-c', {child!r}])\n"

    report = observe(plan(start + SERVER), tmp_path)

    assert ("203.0.113.7", 443) in {(s.to, s.port) for s in report.traced}
    assert report.packets == []


def test_a_page_that_fetches_from_elsewhere_is_an_attempt_to_leave(tmp_path, observe):
    report = observe(plan(paths=("/page",)), tmp_path)

    assert [str(sighting) for sighting in report.sightings] == ["page: /page to https://cdn.example.invalid/x.js"]
    assert [answer["path"] for answer in report.answers] == ["/page", "/own.js"]


def test_a_server_that_ends_at_once_is_not_taken_for_silent(tmp_path, observe):
    report = observe(plan("raise SystemExit(3)"), tmp_path)

    assert (report.ready, report.exit_status) == (False, 3)


def test_barred_namespaces_are_told_by_name(monkeypatch):
    refusal = subprocess.CompletedProcess([], 1, "", "unshare: unshare failed: Operation not permitted\n")
    monkeypatch.setattr(run.subprocess, "run", lambda *_, **__: refusal)

    with pytest.raises(Barred, match=r"network namespaces are barred \(unshare: .*Operation not permitted\)"):
        run.require()


def test_a_missing_tool_is_told_by_name(monkeypatch):
    monkeypatch.setattr(run.shutil, "which", lambda name: None if name == "strace" else f"/usr/bin/{name}")

    with pytest.raises(Barred, match=r"strace is not installed \(apt-get install strace\)"):
        run.require()
