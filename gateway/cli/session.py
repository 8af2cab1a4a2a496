"""What every command has in common: ``--config``, ``--json``, examples in its help, settings read when needed.

A command is a function whose first parameter is a :class:`Session`; :func:`command` gives it to typer, adds the common
options, and shows the examples below the help::

    @command(app, "list", examples=["sekisho keys list --json"])
    def list_keys(session: Session) -> None:
        '''List API keys.'''

``--config`` and ``--json`` are understood before and after the command's name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.cli.output import Output

if TYPE_CHECKING:
    from gateway.settings import Settings

DONE, ANSWERED_NO, USED_WRONGLY, COULD_NOT = 0, 1, 2, 3
"""Exit codes."""

CONFIG_HELP = "Configuration file. Else SEKISHO_CONFIG, ./sekisho.yaml, /etc/sekisho/sekisho.yaml."
ConfigOption = Annotated[str | None, typer.Option("--config", metavar="FILE", help=CONFIG_HELP, show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]


class Session:
    """One call of the command line. Settings are read at first use, so that ``--help`` needs none."""

    def __init__(self, config: str | None = None, as_json: bool = False, passphrase_fd: int = -1) -> None:
        self.config = config
        self._passphrase_fd = passphrase_fd
        self.shows_key = False  # whether it is held to what a key may: see sekisho --key-fd
        self.output = Output(as_json)

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings. Raises SetupError."""
        from gateway import settings

        return self.opened_by(settings.load(self.config))

    def fresh(self) -> Session:
        """Return the same call with its settings still to be read."""
        return Session(self.config, self.output.as_json, self._passphrase_fd)

    def opened_by(self, loaded: Settings) -> Settings:
        """Return the settings with what was said of opening the secrets."""
        from gateway import settings

        return loaded if self._passphrase_fd < 0 else settings.with_passphrase_from(loaded, self._passphrase_fd)


Work = TypeVar("Work", bound=Callable[..., Any])


def group(name: str, text: str) -> typer.Typer:
    """Return an empty command group (a noun), to be filled with :func:`command` (verbs).

    Help is plain text: rich's boxes would take it half a second to import.
    """
    return typer.Typer(name=name, help=text, no_args_is_help=True, rich_markup_mode=None)


def command(app: typer.Typer, name: str, *, examples: Sequence[str]) -> Callable[[Work], Work]:
    """Return a decorator that makes ``function(session, ...)`` the command ``name`` of ``app``."""

    def decorate(work: Work) -> Work:
        first = (work.__doc__ or "").partition(". ")[0].partition("\n")[0].rstrip(".") + "."
        app.command(name, short_help=first, epilog=_examples(examples))(_with_common_options(work))
        return work

    return decorate


def session_of(ctx: typer.Context, config: str | None, as_json: bool) -> Session:
    """Return the session of this call: options after the command's name win over those before it.

    The root command gets it too, so that an error is told in the form that was asked for.
    """
    before = ctx.find_root().obj
    outer = before if isinstance(before, Session) else Session()
    outer.output.as_json = outer.output.as_json or as_json
    outer.config = config or outer.config
    return outer


def _with_common_options(work: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(work, eval_str=True)
    own = list(signature.parameters.values())[1:]

    @functools.wraps(work)
    def run(ctx: typer.Context, config: str | None, as_json: bool, **given: Any) -> None:
        session = session_of(ctx, config, as_json)
        if session.shows_key:
            from gateway.cli.server import refuse_forbidden

            refuse_forbidden(session.settings.run, ctx.command_path.partition(" ")[2])
        work(session, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        inspect.Parameter("config", keyword, default=None, annotation=ConfigOption),
        inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption),
    ]
    run.__signature__ = signature.replace(parameters=common)  # type: ignore[attr-defined]
    return run


def _examples(examples: Sequence[str]) -> str:
    """Return the examples as they are shown below a command's help: one a line, never wrapped (``\\b``)."""
    return "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])
