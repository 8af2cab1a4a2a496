"""One gateway and two engine nodes on wires of their own, which are cut, throttled and mended: ``cut_site.py FOLDER``.

Run in a network namespace of its own (the gateway's), with ``tests/fakes`` on the path; each node has one, too. All is
real: ``sekisho serve``, the nodes' service, engines with the model that ships, mutual TLS. What was seen goes into
``facts.json``, a field for each of the stories below; :mod:`test_partition` judges them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from joined_nodes import papers
from running import Running, install, sekisho

from gateway.fleet.nodes import membership
from gateway.fleet.nodes.authority import gateway_role
from gateway.fleet.nodes.membership import Membership
from gateway.fleet.nodes.roster import Node, NodeFile, Roster

HERE = Path(__file__).resolve().parent
MODEL = "smollm2-135m-instruct"
PORT = 8443
WAIT_SECONDS = 240.0
ENGINE = {"model": MODEL, "context_tokens": 512, "slots": 2, "threads": 1, "start_timeout_seconds": 200.0}


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


class Wired:
    """One node behind one wire: ``gwN`` here, ``farN`` there."""

    def __init__(self, folder: Path, number: int) -> None:
        self.name, self.link = f"gpu{number}", f"gw{number}"
        self.host = f"10.77.{number}.2"
        self.folder = folder / self.name
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None

    def enrol(self, nodes: Path) -> Node:
        """Write its papers, as joining does; return its entry in the roster."""
        its = papers(nodes.parent, self.name, self.host)
        home = self.folder / ".sekisho" / "node"
        home.parent.mkdir(parents=True)
        its.folder.rename(home)
        now = datetime.now(UTC).replace(microsecond=0)
        membership.write(
            home,
            Membership(
                name=self.name,
                site="plant",
                gateway=gateway_role("plant"),
                url="https://10.77.1.1:1",
                listen=f"{self.host}:{PORT}",
                address=f"{self.host}:{PORT}",
                since=now,
            ),
        )
        (self.folder / "sekisho.yaml").write_text(yaml.safe_dump({"engine": ENGINE}))
        return Node(
            name=self.name,
            site="plant",
            jurisdiction="DE",
            address=f"{self.host}:{PORT}",
            version="0",
            certificate=its.pem,
            ends=now + timedelta(days=80),
            since=now,
        )

    def start(self, protocol: int = 1) -> None:
        log = (self.folder / "log").open("ab")
        command = [sys.executable, str(HERE / "node_process.py"), str(self.folder / "sekisho.yaml"), str(protocol)]
        self.process = subprocess.Popen(["unshare", "--net", *command], stdin=subprocess.PIPE, stdout=log, stderr=log)
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{self.process.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        inside = f"nsenter --net=/proc/{self.process.pid}/ns/net ip".split()
        far = f"far{self.number}"
        ip(f"link add {self.link} type veth peer name {far} netns {self.process.pid}")
        ip(f"address add 10.77.{self.number}.1/30 dev {self.link}")
        ip(f"link set {self.link} up")
        for words in ("link set lo up", f"address add {self.host}/30 dev {far}", f"link set {far} up"):
            subprocess.run([*inside, *words.split()], check=True)
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)
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
        folder = self.folder / ".sekisho" / "store" / "sha256"
        return max((each.stat().st_size for each in folder.glob("*")), default=0) if folder.is_dir() else 0

    def has_whole(self) -> bool:
        folder = self.folder / ".sekisho" / "store" / "sha256"
        return folder.is_dir() and any(not each.name.startswith(".") for each in folder.iterdir())


class Site:
    """The gateway with its two nodes."""

    def __init__(self, folder: Path, model_file: Path) -> None:
        self.one, self.two = Wired(folder, 1), Wired(folder, 2)
        home = folder / "gw"
        install(home, model_file, engine=ENGINE, fleet={"memory_mib": 1, "health_seconds": 600.0})
        nodes = home / ".sekisho" / "nodes"
        entries = tuple(each.enrol(nodes) for each in (self.one, self.two))
        Roster(nodes).write(NodeFile(nodes=entries))
        self.running = Running(home)
        self.size = model_file.stat().st_size
        self.key = ""
        self.facts: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []  # what each request has got so far
        self.session: aiohttp.ClientSession | None = None

    async def status(self) -> dict[str, Any]:
        connector = aiohttp.UnixConnector(str(self.running.folder / ".sekisho" / "run" / "admin.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://admin/admin/v1/fleet") as response,
        ):
            return dict(await response.json())

    async def order(self, wired: Wired, action: str) -> int:
        """Have the model loaded, sent out or kept on a node; returns the status of the answer."""
        connector = aiohttp.UnixConnector(str(self.running.folder / ".sekisho" / "run" / "admin.sock"))
        body = {"model": MODEL, "action": action, "node": wired.name}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post("http://admin/admin/v1/fleet/orders", json=body) as response,
        ):
            return response.status

    async def until(self, what: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the status in which the condition holds; fails after a long time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            said = await self.status()
            if condition(said):
                return said
            assert time.monotonic() < deadline, f"never: {what}\n{json.dumps(said, indent=1)}"
            await asyncio.sleep(0.05)

    async def until_node(self, wired: Wired, state: str) -> dict[str, Any]:
        said = await self.until(f"{wired.name} {state}", lambda said: node_in(said, wired)["state"] == state)
        return node_in(said, wired)

    async def until_model(self, wired: Wired, *states: str) -> None:
        await self.until(f"model {states} on {wired.name}", lambda said: model_in(said, wired).get("state") in states)

    async def ask(self, tokens: int = 4, stop_after: int = 0) -> dict[str, Any]:
        """Ask once, streaming; return status, words, the error's code, and whether it ended in order."""
        body = {
            "model": MODEL,
            "max_tokens": tokens,
            "stream": True,
            "messages": [{"role": "user", "content": "Count"}],
        }
        found: dict[str, Any] = {"status": 0, "words": 0, "error": "", "done": False}
        self.asked.append(found)
        assert self.session is not None
        headers = {"authorization": f"Bearer {self.key}"}
        url = f"{self.running.base}/v1/chat/completions"
        async with self.session.post(url, json=body, headers=headers) as response:
            found["status"] = response.status
            if response.status != 200:
                found["error"] = (await response.json())["error"]["code"]
                return found
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                if line.strip() == b"data: [DONE]":
                    found["done"] = True
                    break
                event = json.loads(line[6:])
                found["error"] = event.get("error", {}).get("code", found["error"])
                found["words"] += sum(bool(each["delta"].get("content")) for each in event.get("choices", ()))
                if stop_after and found["words"] >= stop_after:
                    break
        return found

    # --- the stories

    async def push_cut_at_half(self) -> None:
        """Node 2's wire is slow, and is cut when half of the model has come."""
        two = self.two
        await self.until_node(two, "here")
        while two.pushed_bytes() < self.size * 0.4:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
        two.cut()
        at_cut, cut_at = two.pushed_bytes(), time.monotonic()
        await self.until_node(two, "away")
        away = time.monotonic() - cut_at
        await self.until_model(self.one, "serving")
        asked = [await self.ask() for _ in range(2)]
        held = two.pushed_bytes()
        two.mend()
        await self.until_node(two, "here")
        while not two.has_whole():
            assert two.pushed_bytes() >= held, "the push began anew"
            await asyncio.sleep(0.01)
        sent = two.sent_bytes()
        self.facts["push"] = {
            "size": self.size, "at_cut": at_cut, "held": held, "sent": sent, "away_seconds": away, "asked": asked,
        }  # fmt: skip

    async def load_cut(self) -> None:
        """The wire is cut while node 2 loads, as an operator ordered."""
        two = self.two
        await self.until_model(two, "serving")
        for action in ("unpin", "unload"):
            assert await self.order(two, action) == 200
        ordered = asyncio.ensure_future(self.order(two, "load"))
        await self.until_model(two, "reserved", "loading", "warming")
        two.cut()
        await self.until_node(two, "away")
        asked = [await self.ask() for _ in range(2)]
        assert await ordered in (200, 503)  # it may just have ended
        two.mend()
        two.throttle("1gbit")
        await self.until_node(two, "here")
        assert await self.order(two, "pin") == 200
        said = await self.until("one load there", lambda said: node_in(said, two)["loaded"] == 1)
        self.facts["load"] = {"asked": asked, "loaded": node_in(said, two)["loaded"]}

    async def streams_cut(self) -> None:
        """Node 1 is cut while it answers and others wait: those who had begun there end, all others are answered."""
        one, before = self.one, len(self.asked)
        asks = [asyncio.ensure_future(self.ask(tokens=160)) for _ in range(8)]

        def have_begun(said: dict[str, Any]) -> bool:
            """Node 1 answers two, and whoever is inside anywhere has got words."""
            begun = sum(each["words"] > 0 and not each["done"] for each in self.asked[before:])
            return model_in(said, one)["held"] == 2 and begun >= sum(each["held"] for each in said["models"])

        await self.until("two have begun", have_begun)
        one.cut()
        cut_at = time.monotonic()
        await self.until_node(one, "away")
        away = time.monotonic() - cut_at
        answers = await asyncio.gather(*asks)
        one.mend()
        await self.until_model(one, "serving")
        freed = await self.until("nobody inside", lambda said: not any(each["held"] for each in said["models"]))
        self.facts["streams"] = {"answers": answers, "away_seconds": away, "nodes": freed["nodes"]}

    async def slow_wire(self) -> None:
        """Node 1's wire is slow; it is not taken for one that is cut."""
        self.one.throttle("64kbit")
        words = []
        asks = asyncio.gather(*(self.ask(tokens=24) for _ in range(6)))
        while not asks.done():
            words.append(node_in(await self.status(), self.one)["state"])
            await asyncio.sleep(0.1)
        self.one.throttle("1gbit")
        self.facts["slow"] = {"answers": asks.result(), "states": sorted(set(words))}

    async def old_version(self) -> None:
        """Node 1 ends, returns with an older protocol, and is then updated."""
        one = self.one
        one.end()
        await self.until_node(one, "away")
        one.start(protocol=0)
        node = await self.until_node(one, "out")
        asked = [await self.ask() for _ in range(3)]
        said = await self.status()
        one.end()
        one.start()
        await self.until_model(one, "serving")
        self.facts["old"] = {"problem": node["problem"], "asked": asked, "held": model_in(said, one)["state"]}

    def read_book(self) -> None:
        """What the log says at the end: it verifies, and which intents have how many outcomes."""
        home = self.running.folder
        verified = json.loads(sekisho(home, "audit", "verify", "--json"))["ok"]
        sekisho(home, "audit", "export", "--format", "jsonl", "--out", str(home / "book.jsonl"), "--force")
        book = [json.loads(line) for line in (home / "book.jsonl").read_text().splitlines()]
        outcomes = Counter(record["intent"] for record in book if record["type"] == "outcome")
        intents = [record["sequence"] for record in book if record["type"] == "intent"]
        self.facts["book"] = {
            "verified": verified,
            "intents": len(intents),
            "without_one_outcome": [each for each in intents if outcomes[each] != 1],
            "types": sorted({record["type"] for record in book}),
        }

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_SECONDS)) as self.session:
            for story in (self.push_cut_at_half, self.load_cut, self.streams_cut, self.slow_wire, self.old_version):
                began = time.monotonic()
                await story()
                print(f"{story.__name__}: {time.monotonic() - began:.1f} s", flush=True)


def node_in(said: dict[str, Any], wired: Wired) -> dict[str, Any]:
    return next(each for each in said["nodes"] if each["node"] == wired.name)


def model_in(said: dict[str, Any], wired: Wired) -> dict[str, Any]:
    return next((each for each in said["models"] if each["node"] == wired.name), {})


@asynccontextmanager
async def on_wires(site: Site) -> AsyncIterator[None]:
    nodes = (site.one, site.two)
    ip("link set lo up")
    try:
        for each in nodes:
            each.start()
        site.two.throttle("160mbit")
        await asyncio.to_thread(site.running.start)
        site.key = await asyncio.to_thread(site.running.key)
        yield
    finally:
        await asyncio.to_thread(site.running.stop)
        for each in nodes:
            each.end()


async def main(folder: Path, model_file: Path) -> None:
    site = Site(folder, model_file)
    try:
        async with on_wires(site):
            await site.run()
        site.read_book()
    finally:
        (folder / "facts.json").write_text(json.dumps(site.facts, indent=1))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
