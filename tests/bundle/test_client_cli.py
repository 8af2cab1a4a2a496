"""The plain TUF client on the command line, over real HTTP."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.bundle.refusal import BundleRefused
from gateway.bundle.repository.client import Client
from gateway.bundle.repository.fetching import HttpFetcher
from tests.cli.conftest import sekisho  # noqa: F401 the fixture


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; of ``cut`` it sends half; what is called ``drip`` comes a byte at a time, for ever."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "cut" in self.path or "drip" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            for _ in range(1 if "cut" in self.path else 60):
                self.wfile.write(b"x")
                self.wfile.flush()
                threading.Event().wait(0.01)
            return
        super().do_GET()


@pytest.fixture
def mirror(maker):
    maker.at = datetime.now(UTC)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(maker.metadata.parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def said_to(mirror: str, tmp_path) -> list[str]:
    trusted, got = str(tmp_path / "trusted"), str(tmp_path / "got")
    return ["--metadata-dir", trusted, "--metadata-url", f"{mirror}/metadata", "--target-dir", got]


def test_a_mirror_is_trusted_refreshed_and_downloaded_from(sekisho, maker, mirror, tmp_path):  # noqa: F811
    maker.release({"path/to/a": b"one"})
    options = [*said_to(mirror, tmp_path), "--target-base-url", f"{mirror}/targets", "--target-name", "path/to/a"]
    root = str(maker.metadata / "1.root.json")
    assert sekisho("bundle", "client", "--metadata-dir", str(tmp_path / "trusted"), "init", root).code == 0
    assert sekisho("bundle", "client", *options, "refresh").code == 0
    said = sekisho("bundle", "client", *options, "download", "--json")
    assert said.code == 0
    [file] = (tmp_path / "got").iterdir()
    assert file.read_bytes() == b"one"
    assert {"root.json", "timestamp.json", "snapshot.json", "targets.json"} <= {
        path.name for path in (tmp_path / "trusted").iterdir()
    }


def test_a_refusal_answers_no_and_names_itself(sekisho, maker, mirror, tmp_path):  # noqa: F811
    maker.release({"a": b"one"})
    options = said_to(mirror, tmp_path)
    assert sekisho("bundle", "client", *options[:2], "init", str(maker.metadata / "1.root.json")).code == 0
    maker.change("timestamp.json", version=7)
    said = sekisho("bundle", "client", *options, "refresh")
    assert said.code == 1
    assert "bundle.signature" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "trusted" / "timestamp.json").exists()


def test_nobody_at_the_address_answers_no(sekisho, maker, tmp_path):  # noqa: F811
    trusted = ["--metadata-dir", str(tmp_path / "trusted")]
    assert sekisho("bundle", "client", *trusted, "init", str(maker.metadata / "1.root.json")).code == 0
    said = sekisho("bundle", "client", *trusted, "--metadata-url", "http://127.0.0.1:9", "refresh")
    assert said.code == 1
    assert "bundle.unreachable" in said.err


@pytest.mark.parametrize("name, code", [("cut", "bundle.truncated"), ("drip", "bundle.unreachable")])
def test_what_is_cut_short_or_comes_too_slowly_is_refused(maker, mirror, tmp_path, name, code, monkeypatch):
    monkeypatch.setattr("gateway.bundle.repository.client.HttpFetcher", partial(HttpFetcher, patience_seconds=0.2))
    maker.release({name: b"x" * 100000})
    trusted = tmp_path / "trusted"
    maker.client(trusted)
    with pytest.raises(BundleRefused) as caught:
        Client(trusted, f"{mirror}/metadata", f"{mirror}/targets").download(name, tmp_path / "got")
    assert caught.value.code == code
