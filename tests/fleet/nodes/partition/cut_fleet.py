"""A fleet with two nodes on wires of their own, which are cut, throttled and mended: ``cut_fleet.py FOLDER``.

Run in a network namespace of its own, with ``tests/fakes`` on the path; each node has a namespace, too. The gateway's
side of nodes, the nodes' service, TLS and wires are real; engines are scripted, so that it needs no model. What was
seen goes into ``facts.json``, a field for each of the stories below; ``test_partition`` judges them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from gguf_files import model
from joined_house import CALLER, HEADER, Gateway
from joined_nodes import JoinedNode, papers
from msgspec.structs import replace

from gateway.domain import Capability, Decision, Grant, Prompt
from gateway.errors import EngineUnavailable
from gateway.registry.store import ContentStore
from gateway.settings import ModelSettings

HERE = Path(__file__).resolve().parent
SIZE = 24 * 1024 * 1024
WAIT_SECONDS = 120.0


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


class Wired:
    """One node behind one wire: ``gwN`` here, ``farN`` there."""

    def __init__(self, folder: Path, number: int) -> None:
        self.name, self.link, self.number = f"gpu{number}", f"gw{number}", number
        self.host = f"10.77.{number}.2"
        self.folder = folder / self.name
        self.papers = papers(folder, self.name, self.host)
        self.folder.mkdir()
        self.papers.folder.rename(self.folder / "papers")
        self.address = f"{self.host}:8443"

    def start(self, protocol: int = 1) -> None:
        command = [sys.executable, str(HERE / "scripted_node.py"), str(self.folder), self.host, str(protocol)]
        self.process = subprocess.Popen(["unshare", "--net", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self.process.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        far = f"far{self.number}"
        ip(f"link add {self.link} type veth peer name {far} netns {self.process.pid}")
        ip(f"address add 10.77.{self.number}.1/30 dev {self.link}")
        ip(f"link set {self.link} up")
        inside = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "ip"]
        for words in ("link set lo up", f"address add {self.host}/30 dev {far}", f"link set {far} up"):
            subprocess.run([*inside, *words.split()], check=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"listening\n"

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)
        subprocess.run(["ip", "link", "delete", self.link], check=False, capture_output=True)

    def cut(self) -> None:
        ip(f"link set {self.link} down")

    def mend(self) -> None:
        ip(f"link set {self.link} up")

    def throttle(self, rate: str) -> None:
        words = f"qdisc replace dev {self.link} root tbf rate {rate} burst 64kb latency 200ms"
        subprocess.run(["tc", *words.split()], check=True)

    def sent_bytes(self) -> int:
        """Return what went over the wire so far; the ninth number of its line (proc(5))."""
        lines = Path("/proc/net/dev").read_text().splitlines()
        line = next(line for line in lines if line.strip().startswith(f"{self.link}:"))
        return int(line.partition(":")[2].split()[8])

    def pushed_bytes(self) -> int:
        return max((each.stat().st_size for each in (self.folder / "store" / "sha256").glob(".pushed-*")), default=0)


class Site(Gateway):
    """The gateway's side, with its two nodes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "gw", [ModelSettings(model="tiny", pin=True)])
        self._enlarge(folder / "gw")
        self.store = ContentStore(folder / "gw" / "manifests", self.settings.store)
        self.joined._store = self.store
        self.one, self.two = Wired(folder, 1), Wired(folder, 2)
        self.facts: dict[str, Any] = {}

    def _enlarge(self, folder: Path) -> None:
        """Make the model large enough that its way there can be cut."""
        raw = model(fill=1, **HEADER)
        raw += bytes(SIZE - len(raw))
        digest = hashlib.sha256(raw).hexdigest()
        file = folder / "manifests" / "tiny.yaml"
        said = {**yaml.safe_load(file.read_text()), "sha256": digest, "size_bytes": len(raw)}
        file.write_text(yaml.safe_dump(said))
        (folder / "store" / "sha256" / digest).write_bytes(raw)

    def join_wired(self, wired: Wired) -> None:
        node = JoinedNode(wired.folder / "unused", wired.papers)
        node.address = wired.address
        self.join(node, wired.name, site="plant", jurisdiction="DE")

    async def until(self, what: str, condition: Any) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}\n{json.dumps(self.joined.status(), indent=1)}"
            await asyncio.sleep(0.01)

    async def until_word(self, wired: Wired, word: str) -> float:
        began = time.monotonic()
        await self.until(f"{wired.name} {word}", lambda: self.word(wired.name) == word)
        return time.monotonic() - began

    async def until_open(self, wired: Wired) -> None:
        await self.until(f"{wired.name} serves", lambda: self.is_open("tiny", wired.name))

    async def tried(self, tokens: int = 3) -> dict[str, Any]:
        """Ask as a request does: up to three attempts, another target only before the first word."""
        words: list[str] = []
        failed: set[str] = set()
        error = ""
        for _ in range(3):
            targets = self.fleet.candidates("tiny", Capability.CHAT, CALLER)
            decision = Decision("d", True, tuple(Grant(id=each.id) for each in targets), (), "r", "b", "f", "opa/0")
            held = None
            try:
                held = await self.fleet.choose(decision, CALLER, frozenset(failed))
                prompt = Prompt("r", Capability.CHAT, {"messages": [], "max_tokens": tokens}, stream=True)
                async for chunk in held.answer(replace(prompt, slot=held.slot)):
                    words += [choice.content or "" for choice in chunk.choices]
                return {"words": len(words), "error": "", "node": held.target.node, "attempts": len(failed) + 1}
            except EngineUnavailable as failure:
                error = failure.code
                if held is None or words:
                    break
                failed.add(held.target.id)
            finally:
                if held is not None:
                    held.release()
        return {"words": len(words), "error": error, "node": "", "attempts": len(failed) + 1}

    # --- the stories

    async def push_cut_at_half(self) -> None:
        """Node 2's wire is slow, and is cut when nearly half of the model has come."""
        two = self.two
        two.throttle("40mbit")
        self.join_wired(two)
        await self.until("half is there", lambda: two.pushed_bytes() > SIZE * 0.4)
        two.cut()
        at_cut = two.pushed_bytes()
        away = await self.until_word(two, "away")
        asked = [await self.tried() for _ in range(2)]
        held = two.pushed_bytes()
        two.mend()
        await self.until_word(two, "here")
        await self.until_open(two)
        self.facts["push"] = {
            "size": SIZE, "at_cut": at_cut, "held": held, "sent": two.sent_bytes(), "away_seconds": away,
            "asked": asked,
        }  # fmt: skip

    async def load_cut(self) -> None:
        """The wire is cut while node 2 loads; what it loads meanwhile is sent out when it is back."""
        two = self.two
        two.throttle("1gbit")
        keeper = self.joined.members[two.name].keeper
        assert keeper is not None
        keeper.pin("tiny", False)
        await keeper.dismissed("tiny")
        keeper.pin("tiny", True)
        resident = keeper.rules.residents["tiny"]
        await self.until("it loads", lambda: resident.state == "loading")
        await asyncio.sleep(1)
        two.cut()
        away = await self.until_word(two, "away")
        asked = [await self.tried() for _ in range(2)]
        two.mend()
        await self.until_open(two)
        await self.until("one is loaded", lambda: self._loaded(two) == 1)
        self.facts["load"] = {"asked": asked, "loaded": self._loaded(two), "away_seconds": away}

    def _loaded(self, wired: Wired) -> int:
        return int(next(each for each in self.joined.status() if each["node"] == wired.name)["loaded"])

    async def streams_cut(self) -> None:
        """Node 1 is cut while both answer and others wait."""
        asks = [asyncio.ensure_future(self.tried(tokens=80)) for _ in range(8)]
        await self.until("both answer", lambda: sum(desk.held for desk in self.fleet.desks()) == 4)
        await asyncio.sleep(1)
        self.one.cut()
        away = await self.until_word(self.one, "away")
        answers = await asyncio.gather(*asks)
        self.one.mend()
        await self.until_open(self.one)
        self.facts["streams"] = {"answers": answers, "away_seconds": away}

    async def slow_wire(self) -> None:
        """Node 1's wire is slow; it is not taken for one that is cut."""
        self.one.throttle("64kbit")
        lost = self.types().count("node.lost")
        answers = await asyncio.gather(*(self.tried(tokens=60) for _ in range(6)))
        self.one.throttle("1gbit")
        self.facts["slow"] = {"answers": answers, "lost": self.types().count("node.lost") - lost}

    async def old_version(self) -> None:
        """Node 1 ends, returns with an older protocol, and is then updated."""
        one = self.one
        one.end()
        await self.until_word(one, "away")
        await asyncio.to_thread(one.start, 0)
        await self.until_word(one, "out")
        problem = self.joined.members[one.name].problem
        asked = [await self.tried() for _ in range(3)]
        one.end()
        await asyncio.to_thread(one.start)
        await self.until_open(one)
        self.facts["old"] = {"problem": problem, "asked": asked}

    async def run(self) -> None:
        self.open()
        self.join_wired(self.one)
        await self.until_open(self.one)
        for story in (self.push_cut_at_half, self.load_cut, self.streams_cut, self.slow_wire, self.old_version):
            began = time.monotonic()
            await story()
            print(f"{story.__name__}: {time.monotonic() - began:.1f} s", flush=True)


async def main(folder: Path) -> None:
    ip("link set lo up")
    site = Site(folder)
    nodes = (site.one, site.two)
    for each in nodes:
        each.start()
    try:
        await site.run()
    finally:
        (folder / "facts.json").write_text(json.dumps(site.facts, indent=1))
        await site.joined.stop()
        for each in nodes:
            each.end()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
