"""sekisho serve: what a newcomer pastes works; the command that `make run` ends in."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway import settings
from gateway.cli.greeting import greeting

ENTRY = [sys.executable, "-c", "from gateway.cli.main import main; main()"]
START_SECONDS = 90


@pytest.fixture
def served(
    sekisho, house: Path, model_file: Path, opa_binary: Path, free_port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A real server with a demonstration key; what it says is in ``out``."""
    config = yaml.safe_load((house / "sekisho.yaml").read_text())
    config["server"]["listen"] = f"127.0.0.1:{free_port}"
    config["policy"] = {"opa_binary": str(opa_binary)}
    (house / "sekisho.yaml").write_text(yaml.safe_dump(config))
    (house / ".sekisho/store/sha256").mkdir()
    shutil.copy(model_file, house / ".sekisho/store/sha256" / model_file.name)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent)}
    with (house / "out").open("wb") as out, (house / "err").open("wb") as err:
        process = subprocess.Popen([*ENTRY, "serve", "--demo-key"], cwd=house, stdout=out, stderr=err, env=environment)
        yield process
        if process.poll() is None:
            process.kill()
        process.wait()


def await_greeting(process: subprocess.Popen[bytes], out: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while "Stop with" not in out.read_text():
        assert process.poll() is None, (out.with_name("err")).read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return out.read_text()


@pytest.mark.real
@pytest.mark.slow
def test_what_is_shown_can_be_pasted_and_works(served: subprocess.Popen[bytes], house: Path) -> None:
    said = await_greeting(served, house / "out")
    program = said[said.index("import json") : said.index("or with any")]
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=100)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    key = re.findall(r"sk-sekisho-\w+", said)[0]
    assert key not in (house / "err").read_text()
    served.send_signal(signal.SIGTERM)
    assert served.wait(30) == 0


def test_the_greeting_has_address_key_and_the_way_to_a_real_model(house: Path) -> None:
    said = greeting(settings.load("sekisho.yaml"), "http://127.0.0.1:8080/v1", "sk-sekisho-x")
    assert "Base URL  http://127.0.0.1:8080/v1\n" in said
    assert "small demonstration model" in said
    assert "sekisho models add FILE" in said
    curl = said[said.index("curl") : said.index("or in Python")]
    body = re.search(r"-d '(.*?)'", curl, re.DOTALL)
    assert body is not None
    assert json.loads(body[1])["model"] == "smollm2-135m-instruct"


def test_without_a_key_the_greeting_says_how_to_make_one(house: Path) -> None:
    said = greeting(settings.load("sekisho.yaml"), "https://10.0.0.5:8443", "")
    assert "sk-sekisho" not in said
    assert "sekisho keys create" in said
    assert "https://10.0.0.5:8443/v1" in said
