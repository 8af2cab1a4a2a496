"""The ``sekisho`` command: noun then verb, one file per noun. This file only puts them together and tells errors.

Exit codes: 0 done, 1 answered no, 2 used wrongly, 3 could not. An error is one line: what is wrong, and the mend. Heavy
imports happen inside commands, so that ``sekisho --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import gateway.cli.bundle_build
import gateway.cli.bundle_client
import gateway.cli.bundle_diff
import gateway.cli.bundle_glass
import gateway.cli.bundle_keys
import gateway.cli.bundle_outbox
import gateway.cli.bundle_uninstall
import gateway.cli.bundle_update
import gateway.cli.models_add
import gateway.cli.models_fit
import gateway.cli.models_quantise
import gateway.cli.models_sign
import gateway.cli.node_update  # noqa: F401 - more verbs of nouns below
from gateway.cli import (
    audit,
    batches,
    bench,
    bundle,
    doctor,
    engines,
    fleet,
    imports,
    init,
    keys,
    limits,
    models,
    node,
    organisation,
    policy,
    privacy,
    serve,
    version,
)
from gateway.cli.server import act_with
from gateway.cli.session import COULD_NOT, USED_WRONGLY, ConfigOption, JsonOption, Session
from gateway.cli.trouble import Trouble, trouble_of
from gateway.errors import SetupError

MOST_KEY_CHARS = 16 * 1024  # a token's; a key is shorter
HELP = """
Sekisho: the checkpoint that every prompt passes before it reaches a language model.

Start with `sekisho init`, then `sekisho serve`. `sekisho doctor` says what to mend.
"""

app = typer.Typer(
    name="sekisho",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (serve, init, doctor, bench, version):
    room.register(app)
app.add_typer(organisation.tenants_app)
app.add_typer(organisation.projects_app)
for noun in (keys, limits, models, engines, fleet, batches, node, policy, privacy, audit, bundle, imports):
    app.add_typer(noun.app)

DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")]


PASSPHRASE_HELP = "File descriptor that holds the passphrase of the keys, or the PIN of their token."  # noqa: S105  says what one is
PassphraseOption = Annotated[
    int, typer.Option("--passphrase-fd", metavar="N", min=-1, help=PASSPHRASE_HELP, show_default=False)
]

KEY_HELP = "File descriptor that holds an API key or token: be held to what its roles may, by the running server."
KeyOption = Annotated[int, typer.Option("--key-fd", metavar="N", min=-1, help=KEY_HELP, show_default=False)]


@app.callback()
def common(
    ctx: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    passphrase_fd: PassphraseOption = -1,
    key_fd: KeyOption = -1,
) -> None:
    """Remember what was said before the command's name."""
    ctx.obj = _called.session = Session(config, as_json, passphrase_fd)
    _called.debug = debug
    act_with(_key_from(key_fd) if key_fd >= 0 else "")
    ctx.obj.shows_key = key_fd >= 0


def _key_from(descriptor: int) -> str:
    """Return the key that a file descriptor holds. Raises SetupError: there is none."""
    try:
        with os.fdopen(os.dup(descriptor), encoding="ascii") as opened:
            key = opened.readline(MOST_KEY_CHARS).strip()
    except (OSError, ValueError):
        key = ""
    if not key:
        mend = "Such as: sekisho --key-fd 3 keys list 3< key.txt"
        raise SetupError(f"File descriptor {descriptor} holds no key.", mend, exit_code=USED_WRONGLY)
    return key


class _Called:
    """What this process was asked for, to tell an error in the form that was asked for."""

    session = Session()
    debug = False


_called = _Called()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Leaves with one of the four exit codes; never with a traceback that nobody asked for.

    Args:
        arguments: in place of the process's own.
    """
    _called.session, _called.debug = Session(), False
    try:
        app(arguments, prog_name="sekisho")
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells count
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left: nobody is there to be told
        sys.exit(COULD_NOT)
    except Exception as error:  # the outermost edge
        if _called.debug:
            traceback.print_exc()
        _tell(trouble_of(error))


def _tell(trouble: Trouble) -> None:
    if _called.session.output.as_json:
        _called.session.output.result({"error": trouble.as_dict()})
    else:
        print(f"sekisho: {trouble.line}", file=sys.stderr)
    sys.exit(trouble.exit_code)
