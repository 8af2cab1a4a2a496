"""Stage one: believe a few files of this bundle, with Python's standard library and openssl, and run no others before.

Rules:

1. The root that was named by its SHA-256 is trusted. Each next root is believed if the threshold of the one before it
   and its own threshold signed it (TUF 1.0.34, 5.3.4). Whether it is past its end is for stage two to say.
2. ``bootstrap.json`` is believed if the threshold of the newest root's targets role signed its very bytes.
3. A file is believed if it is a plain file with the SHA-256 that ``bootstrap.json`` says. It is read once: what was
   hashed is what runs.
4. Then stage two (``gateway.bundle.install``) runs from the wheels so believed, and verifies everything by TUF.

Signatures are Ed25519 (RFC 8032), by ``openssl pkeyutl``; the signed form of a root is OLPC canonical JSON. A key
counts once, whatever it is called. Exit 3: the bundle is not believed.
"""

import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile

NOT_BELIEVED, CANNOT_NOW = 3, 5
MOST_BYTES = 64 << 20  # of one wheel of stage two
ROOT_BYTES = 512_000
MOST_ROOTS = 256
FRESH = "Copy the bundle again from where it was built; if that does not help, it was changed there or on the way."
DER = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519, before the key (RFC 8410)
WHEEL = re.compile(r"targets/[0-9a-f]{64}\.[A-Za-z0-9._+-]+\.whl")
NAME = re.compile(r"[A-Za-z0-9._-]+")


class Refused(Exception):
    """What is wrong, its code, and what to do."""

    def __init__(self, problem, code, mend=FRESH, status=NOT_BELIEVED):
        super().__init__(f"{problem} [{code}] {mend}")
        self.status = status


def canonical(value):
    """The bytes that are signed: OLPC canonical JSON, as securesystemslib has it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    raise Refused("A root holds what no canonical JSON has.", "bundle.malformed")


def read(bundle, name, most):
    """The bytes of a plain file of the bundle; no link leads anywhere."""
    path = os.path.join(bundle, *name.split("/"))
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise Refused(f"{name} cannot be read.", "bundle.truncated") from None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refused(f"{name} is no plain file.", "bundle.malformed")
        content = file.read(most + 1)
    if len(content) > most:
        raise Refused(f"{name} has no end.", "bundle.endless")
    return content


def parsed(raw, name):
    """The JSON object in a file."""
    try:
        told = json.loads(raw)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refused(f"{name} is no JSON object.", "bundle.malformed")
    return told


def verified(public, message, signature, scratch):
    """Whether Ed25519 key ``public`` (32 bytes) signed ``message``."""
    paths = [os.path.join(scratch, name) for name in ("key", "message", "signature")]
    for path, content in zip(paths, (DER + public, message, signature), strict=True):
        with open(path, "wb") as file:
            file.write(content)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin"]
    command += ["-in", paths[1], "-sigfile", paths[2]]
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60, check=False
    )
    return done.returncode == 0


def signers(root, role, message, signatures, scratch):
    """How many different keys of a role signed."""
    named = root["roles"][role]["keyids"]
    found = set()
    for one in signatures:
        key = root["keys"].get(one["keyid"])
        if one["keyid"] not in named or key is None or (key["keytype"], key["scheme"]) != ("ed25519", "ed25519"):
            continue
        public, signature = bytes.fromhex(key["keyval"]["public"]), bytes.fromhex(one["sig"])
        if len(public) == 32 and len(signature) == 64 and verified(public, message, signature, scratch):
            found.add(public)
    return len(found)


def believe(root, role, message, signatures, scratch, what):
    """Refuse what fewer than the threshold signed."""
    threshold = root["roles"][role]["threshold"]
    if type(threshold) is not int or threshold < 1 or not isinstance(signatures, list):
        raise Refused(f"{what} is not in the form of TUF.", "bundle.malformed")
    if signers(root, role, message, signatures, scratch) < threshold:
        raise Refused(f"{what} is not signed by enough of the right keys.", "bundle.signature")


def newest_root(bundle, sha256, scratch):
    """Walk from the root that was named to the newest: the newest one's signed part, and the bytes of the first."""
    for first in range(1, MOST_ROOTS):
        if not os.path.lexists(os.path.join(bundle, "metadata", f"{first}.root.json")):
            raise Refused(
                "No root of this bundle has that SHA-256.",
                "bundle.root_unknown",
                "Give the one that the builder printed, by another way than the bundle.",
            )
        trusted = read(bundle, f"metadata/{first}.root.json", ROOT_BYTES)
        if hashlib.sha256(trusted).hexdigest() == sha256:
            break
    metadata = parsed(trusted, f"{first}.root.json")
    root = metadata["signed"]
    believe(root, "root", canonical(root).encode(), metadata["signatures"], scratch, f"{first}.root.json")
    for number in range(first + 1, first + MOST_ROOTS):
        name = f"{number}.root.json"
        if not os.path.lexists(os.path.join(bundle, "metadata", name)):
            break
        metadata = parsed(read(bundle, f"metadata/{name}", ROOT_BYTES), name)
        after = metadata["signed"]
        if after["_type"] != "root" or after["version"] != number:
            raise Refused(f"{name} is not root {number}.", "bundle.mixed")
        for by in (root, after):
            believe(by, "root", canonical(after).encode(), metadata["signatures"], scratch, name)
        root = after
    return root, trusted


def stage_two(bundle, root, scratch):
    """Check stage one's own files, and unpack the wheels of stage two into ``scratch``. Returns their folders."""
    raw = read(bundle, "bootstrap.json", ROOT_BYTES)
    signatures = parsed(read(bundle, "bootstrap.sigs", ROOT_BYTES), "bootstrap.sigs")["signatures"]
    believe(root, "targets", raw, signatures, scratch, "bootstrap.json")
    said = parsed(raw, "bootstrap.json")
    if said["schema"] != "sekisho.bootstrap/1":
        raise Refused("bootstrap.json is of another version.", "bundle.malformed")
    for name, sha256 in said["files"].items():
        if not NAME.fullmatch(name) or hashlib.sha256(read(bundle, name, MOST_BYTES)).hexdigest() != sha256:
            raise Refused(f"{name} is not what was signed.", "bundle.tampered")
    folders = []
    for number, (name, sha256) in enumerate(said["stage_two"].items()):
        if not WHEEL.fullmatch(name):
            raise Refused("bootstrap.json names a file that is no wheel.", "bundle.malformed")
        content = read(bundle, name, MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Refused(f"{name} is not what was signed.", "bundle.tampered")
        folders.append(os.path.join(scratch, f"wheel-{number}"))
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            wheel.extractall(folders[-1])  # zipfile keeps members inside; and the wheel is believed by now
    return folders


def main(bundle, arguments):
    """Believe, then run stage two. Returns the exit status."""
    sha256 = ""
    for number, word in enumerate(arguments):
        if word == "--root-sha256" and number + 1 < len(arguments):
            sha256 = arguments[number + 1]
        elif word.startswith("--root-sha256="):
            sha256 = word.partition("=")[2]
    if "--help" in arguments or "-h" in arguments:
        print(HELP)
        return 0
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        print(
            "install.sh: --root-sha256 HEX is missing, or is no SHA-256. The builder of the bundle printed it.",
            file=sys.stderr,
        )
        return 2
    scratch = tempfile.mkdtemp(prefix="sekisho-install-")
    try:
        root, trusted = newest_root(bundle, sha256.lower(), scratch)
        folders = stage_two(bundle, root, scratch)
        first = os.path.join(scratch, "root.json")
        with open(first, "wb") as file:
            file.write(trusted)
        run = "import sys; sys.path[:0] = sys.argv[1].split('\\n'); from gateway.installing import main; "
        run += "sys.exit(main(sys.argv[2:]))"
        command = [sys.executable, "-I", "-S", "-c", run, "\n".join(folders), bundle, first, *arguments]
        return subprocess.run(command, check=False).returncode
    except Refused as refused:
        print(f"install.sh: {refused}", file=sys.stderr)
        return refused.status
    except (KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile, RecursionError):
        print(f"install.sh: Its first files are not in the form of TUF. [bundle.malformed] {FRESH}", file=sys.stderr)
        return NOT_BELIEVED
    except (OSError, subprocess.TimeoutExpired) as problem:
        print(f"install.sh: This machine cannot now ({type(problem).__name__}). [bundle.permission]", file=sys.stderr)
        return CANNOT_NOW
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


HELP = """\
Install Sekisho from this bundle, or verify the bundle.

  ./install.sh --root-sha256 HEX [options]

  --root-sha256 HEX   the root's SHA-256, as the builder printed it; by another way than the bundle
  --check             verify everything, install nothing
  --break-glass FILE  a statement of the root's holders that lets this bundle be past its end
  --prefix DIR        where versions lie (as root /opt/sekisho, else ~/.local/share/sekisho)
  --etc DIR           where the configuration lies (as root /etc/sekisho, else PREFIX/etc)
  --data DIR          where keys, log and state lie (as root /var/lib/sekisho, else PREFIX/data)
  --user NAME         the system user that it runs as (as root; sekisho, made if there is none)
  --role ROLE         gateway, or engine: a machine that joins a gateway (gateway)
  --only-files        lay files and switch the link; no configuration, no user, no units: for images
  --no-start          do not start the service
  --site NAME, --jurisdiction CC, --preset NAME, --listen ADDRESS, --tls-certificate FILE, --tls-key FILE
                      passed on to `sekisho init` where there is no configuration yet
  --yes               ask nothing
  --json              tell the outcome in JSON

Exit status: 0 done, 2 used wrongly, 3 the bundle is not believed, 4 it does not fit this machine, 5 this machine
cannot now. Unless it is 0, nothing was changed.

  ./install.sh --root-sha256 9f3a… --check
  ./install.sh --root-sha256 9f3a… --site ingolstadt --jurisdiction DE --preset balanced
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
