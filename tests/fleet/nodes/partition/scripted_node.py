"""A node's process: real service, real mutual TLS, scripted engines: ``scripted_node.py FOLDER HOST PROTOCOL``.

Waits for a line on standard input first, until it has its wire. Engines take two seconds to load, and a twentieth of a
second for a word.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from joined_nodes import SITE, JoinedNode, Papers, ScriptedEngine

from gateway.domain import Choice, Chunk, Prompt
from gateway.engines.node_wire import Order
from gateway.fleet.nodes.authority import gateway_role
from gateway.fleet.nodes.contexts import server_context
from gateway.node.residents import Built
from gateway.node.service import Service, listening


class Slow(ScriptedEngine):
    async def start(self) -> None:
        await asyncio.sleep(2)
        self.up = True

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        for _ in range(int(prompt.body.get("max_tokens", 3))):
            await asyncio.sleep(0.05)
            yield Chunk((Choice(0, content="w"),))


class Node(JoinedNode):
    async def build(self, order: Order) -> Built:
        return Built(Slow(self, order), str(order.manifest["name"]), str(order.manifest["sha256"]))


async def main(folder: Path, host: str, protocol: int) -> None:
    node = Node(folder, Papers(None, folder, folder / "papers", ""))  # type: ignore[arg-type]
    node.protocol, node.boot = protocol, str(protocol)
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, 8443))
    bound.setblocking(False)
    service = Service(node, node.blobs, node.bundles, node.residents, gateway_role(SITE))
    async with listening(service, bound, server_context(folder / "papers")):
        print("listening", flush=True)
        await asyncio.Event().wait()


sys.stdin.readline()
asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
