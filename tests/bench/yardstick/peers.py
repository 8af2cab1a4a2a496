"""Who is measured: each peer is started before the same mock engine, on loopback, and says where it answers.

Every peer is a real process with nothing else in front of it. A peer that cannot be had on this machine says so by
name (:class:`NotStarted`) and leaves a row that says it too; the others are measured all the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from yardstick.machine import first_line
from yardstick.processes import ROOT, NotStarted, Server, free_port

PYTHON = Path(sys.executable)
LITELLM = ROOT / ".cache" / "bench-venv" / "bin" / "litellm"


@dataclass
class Running:
    """A peer that answers."""

    address: str
    server: Server | None = None
    key: str = ""
    model: str = "mock"
    version: str = ""
    metrics: str = ""
    """URL of its Prometheus page, where it has one with Sekisho's stages."""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    start: Callable[[str, Path], Running]
    """Takes the mock's address and an empty folder of its own; raises NotStarted."""


def direct(mock: str, _folder: Path) -> Running:
    return Running(mock)


def bare(mock: str, folder: Path) -> Running:
    return _script("bare.py", "/health/ready", mock, folder, _python_versions("fastapi", "aiohttp", "uvicorn"))


def bare_door(mock: str, folder: Path) -> Running:
    return _script("bare_door.py", "/health/live", mock, folder, _sekisho_version())


def _script(name: str, ready: str, mock: str, folder: Path, version: str) -> Running:
    port = free_port()
    command = [PYTHON, ROOT / "tests" / "bench" / name, str(port), f"http://{mock}"]
    server = Server(command, folder / "log", {"PYTHONPATH": str(ROOT)})
    server.wait_for(f"http://127.0.0.1:{port}{ready}", 30)
    return Running(f"127.0.0.1:{port}", server, version=version)


def _python_versions(*names: str) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)


def _sekisho_version() -> str:
    code = "import gateway; print('sekisho', gateway.__version__)"
    return first_line(str(PYTHON), "-c", code)


NGINX_CONFIG = """\
worker_processes {workers};
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  keepalive_requests 100000000;
  upstream engine {{ server {mock}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def nginx(mock: str, folder: Path) -> Running:
    program = shutil.which("nginx", path=f"/usr/sbin:/usr/bin:/usr/local/sbin:{ROOT}/.cache/nginx/usr/sbin")
    if program is None:
        raise NotStarted("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(workers=1, folder=folder, mock=mock, port=port), encoding="utf-8")
    server = Server([program, "-c", config, "-p", folder, "-e", folder / "error.log"], folder / "log")
    server.wait_for(f"http://127.0.0.1:{port}/v1/models", 10)
    return Running(f"127.0.0.1:{port}", server, version=first_line(program, "-v").removeprefix("nginx version: "))


LITELLM_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "DISABLE_ADMIN_UI": "True",
    "NO_DOCS": "True",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # nothing on: not even keys; loopback only
    # Whatever would still leave the machine meets a closed port on loopback instead.
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}


def litellm(mock: str, folder: Path) -> Running:
    if not LITELLM.exists():
        raise NotStarted(
            "litellm's proxy is not installed: run `make bench`, or fill .cache/bench-venv from locks/bench.txt"
        )
    port = free_port()
    parameters = {"model": "openai/mock", "api_base": f"http://{mock}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "mock", "litellm_params": parameters}],
        "litellm_settings": {"telemetry": False},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [LITELLM, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    server = Server([*command, "--telemetry", "False"], folder / "log", LITELLM_QUIET)
    server.wait_for(f"http://127.0.0.1:{port}/health/liveliness", 120)
    return Running(f"127.0.0.1:{port}", server, version=_litellm_version())


def _litellm_version() -> str:
    code = "from importlib.metadata import version; print('litellm', version('litellm'))"
    return first_line(str(LITELLM.parent / "python"), "-c", code)


def sekisho(overrides: dict[str, dict[str, Any]]) -> Callable[[str, Path], Running]:
    """Return a starter of the gateway whose engine is the mock, with some settings changed."""

    def start(mock: str, folder: Path) -> Running:
        engine = {"kind": "openai-http", "url": f"http://{mock}", "model": "mock", "slots": 64, "context_tokens": 4096}
        return start_gateway(folder, {"engine": engine, **overrides}, "mock")

    return start


def start_gateway(folder: Path, changes: dict[str, dict[str, Any]], model: str) -> Running:
    """Set up a site of its own in `folder`, make a key, serve, and return once it is ready."""
    program = PYTHON.parent / "sekisho"
    if not program.exists():
        raise NotStarted("the sekisho command is not installed in this environment: make deps")
    port = free_port()
    init = ["init", "--site", "bench", "--jurisdiction", "DE", "--preset", "demo"]
    _run(program, [*init, "--listen", f"127.0.0.1:{port}", "--dir", str(folder)])
    config = folder / "sekisho.yaml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    for section, values in changes.items():
        settings[section] = {**settings.get(section, {}), **values}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    made = _run(program, ["keys", "create", "--name", "bench", "--tenant", "bench", "--json", "--config", str(config)])
    server = Server([program, "serve", "--config", config], folder / "log")
    server.wait_for(f"http://127.0.0.1:{port}/health/ready", 120)
    return Running(
        f"127.0.0.1:{port}",
        server,
        key=str(json.loads(made)["key"]),
        model=model,
        version=_sekisho_version(),
        metrics=f"http://127.0.0.1:{port}/metrics",
    )


def _run(program: Path, arguments: list[str]) -> str:
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise NotStarted(f"sekisho {arguments[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


PEERS = (
    Peer("direct", "the mock engine itself", direct),
    Peer("sekisho", "Sekisho, everything on", sekisho({})),
    Peer("sekisho-no-detection", "Sekisho, everything but detection", sekisho({"privacy": {"detection": False}})),
    Peer("bare-door", "Sekisho's bare door", bare_door),
    Peer("bare", "FastAPI and aiohttp, nothing else", bare),
    Peer("litellm", "litellm's proxy, nothing on", litellm),
    Peer("nginx", "nginx passing through", nginx),
)
