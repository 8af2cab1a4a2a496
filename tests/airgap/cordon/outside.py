"""The far side of the wire. Run by :mod:`cordon.run` in a namespace of its own: ``outside.py PLAN_FILE``.

Puts up the namespace within, listens to all that comes out of it, and writes what it heard to ``outside.json``. The
kernel of this side takes every address for its own (AnyIP), so that whoever connects to the world is refused at once
and does not hang. Namespaces and interfaces end with the processes; nothing is left to clean up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cordon.watch import NameWatch, PacketWatch

FAR, NEAR = "192.0.2.1", "192.0.2.2"
FAR6, NEAR6 = "2001:db8:1::1", "2001:db8:1::2"
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def wire(pid: int) -> None:
    """Join this namespace with that of `pid`, and route the world to this side."""
    ip("link set lo up")
    ip(f"link add far type veth peer name near netns {pid}")
    ip(f"address add {FAR}/30 dev far")
    ip(f"-6 address add {FAR6}/64 dev far nodad")
    ip("link set far up")
    ip("route add local 0.0.0.0/0 dev lo")
    ip("-6 route add local ::/0 dev lo")


def main() -> int:
    plan_file = Path(sys.argv[1])
    folder = plan_file.parent
    script = Path(__file__).with_name("inside.py")
    inside = subprocess.Popen(
        [*UNSHARE, sys.executable, str(script), str(plan_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert inside.stdin and inside.stdout
    if inside.stdout.readline() != b"here\n":
        return 4
    wire(inside.pid)
    packets, names = PacketWatch("far"), NameWatch(FAR)
    inside.stdin.write(b"wired\n")
    inside.stdin.flush()
    code = inside.wait()
    heard = {"packets": packets.stop(), "names": names.stop()}
    told = {kind: [asdict(sighting) for sighting in sightings] for kind, sightings in heard.items()}
    (folder / "outside.json").write_text(json.dumps(told), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
