"""An OPA that a customer runs: a bundle from a file, verified; status on; its own policy for its API.

A tour: :meth:`YourOpa.start` starts it with the bundle of one revision, :meth:`YourOpa.stop` kills it; ``process`` is
what runs. Who shows :data:`TOKEN` may ask, look and push.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

from gateway.policy.life.revisions import Revision

TOKEN = "the-gateways-token"
AUTHZ = """\
package system.authz

default allow := false

allow if {
	input.identity == "%s"
	input.method in %s
}
"""


class YourOpa:
    """On a Unix socket in its folder, or at a port of loopback."""

    def __init__(self, binary: Path, folder: Path, port: int = 0) -> None:
        self.binary, self.folder, self.port = binary, folder, port
        self.process: asyncio.subprocess.Process | None = None
        folder.mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}" if self.port else f"unix:{self.folder / 's'}"

    async def start(self, revision: Revision, *, pushes: bool = True, closed: bool = True) -> None:
        shutil.copyfile(revision.bundle.path, self.folder / "bundle.tar.gz")
        methods = ["GET", "POST", *(["PUT"] if pushes else [])]
        (self.folder / "authz.rego").write_text(AUTHZ % (TOKEN, json.dumps(methods)))
        key = revision.manifest.key
        (self.folder / "opa.json").write_text(
            json.dumps(
                {
                    "keys": {key.id: {"algorithm": "ES256", "key": key.pem}},
                    "bundles": {
                        "sekisho": {
                            "resource": f"file://{self.folder}/bundle.tar.gz",
                            "signing": {"keyid": key.id, "scope": "sekisho.policy"},
                        }
                    },
                    "status": {"prometheus": True},
                }
            )
        )
        (self.folder / "s").unlink(missing_ok=True)
        address = f"127.0.0.1:{self.port}" if self.port else f"unix://{self.folder / 's'}"
        self.process = await asyncio.create_subprocess_exec(
            *(str(self.binary), "run", "--server", "--addr", address),
            *(("--authentication=token", "--authorization=basic") if closed else ()),
            *("--log-level", "error", "--skip-version-check"),
            *("--config-file", str(self.folder / "opa.json"), str(self.folder / "authz.rego")),
            stderr=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await asyncio.sleep(0.5)

    async def stop(self) -> None:
        if self.process and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
