"""``sekisho batches``: what runs while nobody else wants the engines, whose it is, and an end to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli.server import Server, running_server
from gateway.cli.session import Session, command, group
from gateway.errors import SetupError

app = group("batches", "Show and end batches, whoever made them. What stands in them is not shown.")

_COLUMNS = ("batch", "tenant/project", "status", "model", "done", "failed", "of", "made", "ends by")

BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="Its id, as `sekisho batches list` shows it.")]


@command(
    app,
    "list",
    examples=["sekisho batches list --unfinished", "sekisho batches list --tenant bodyshop --limit 20 --json"],
)
def list_batches(
    session: Session,
    tenant: Annotated[str, typer.Option("--tenant", help="Of this tenant alone.")] = "",
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that are not over.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 100,
    after: Annotated[str, typer.Option("--after", metavar="BATCH", help="Go on behind this one.")] = "",
) -> None:
    """Show batches, newest first."""
    asked = {"tenant": tenant, "unfinished": "true" if unfinished else "", "limit": str(limit), "after": after}
    page = _server(session).get("batches", {name: value for name, value in asked.items() if value})
    rows = [_row(view) for view in page["data"]]
    session.output.table("Batches", _COLUMNS, rows, page, "There is no such batch.")
    if page["next"] and not session.output.as_json:
        print(f"There are more: sekisho batches list --after {page['next']}")


@command(app, "show", examples=["sekisho batches show batch_01K6Z4Q1V0D3Y0V7N8R4K2T9AB"])
def show(session: Session, batch: BatchId) -> None:
    """Show one batch: whose it is, how far, since when, and what was wrong with its file."""
    view = _server(session).get(f"batches/{batch}")
    session.output.result(view, "\n".join(f"{name:<14} {value}" for name, value in _lines(view)))


@command(
    app, "cancel", examples=["sekisho batches cancel batch_01K6Z4Q1V0D3Y0V7N8R4K2T9AB --reason 'line 4 needs the GPU'"]
)
def cancel(
    session: Session,
    batch: BatchId,
    reason: Annotated[str, typer.Option("--reason", help="Why; goes on record. Name no person.")],
) -> None:
    """End a batch: no line of it begins any more, those that run may end. Its caller may fetch what was done so far."""
    view = _server(session).post(f"batches/{batch}/cancel", {"reason": reason})
    counts = view["request_counts"]
    done = f"{counts['completed']} of {counts['total']} lines are done"
    session.output.result(view, f"{view['id']} of {view['tenant']}/{view['project']} is {view['status']}; {done}.")


def _server(session: Session) -> Server:
    server = running_server(session.settings.run)
    if server is None:
        raise SetupError("No server is running, so no batch runs, and none can be read.", "Start it: sekisho serve")
    return server


def _row(view: dict[str, Any]) -> tuple[str, ...]:
    counts = view.get("request_counts", {"completed": "", "failed": "", "total": ""})
    return (
        view["id"],
        f"{view['tenant']}/{view['project']}",
        view["status"] + (f" ({view['problem']})" if view.get("problem") else ""),
        view.get("model") or "",
        *(str(counts[name]) for name in ("completed", "failed", "total")),
        view.get("created_at", ""),
        view.get("expires_at", ""),
    )


def _lines(view: dict[str, Any]) -> list[tuple[str, str]]:
    counts = view["request_counts"]
    said = {
        **{name: value for name, value in view.items() if isinstance(value, str) and value},
        "lines": f"{counts['completed']} done, {counts['failed']} failed, of {counts['total']}",
    }
    wrong = [f"{fault['code']}" + (f" in line {fault['line']}" if fault["line"] else "") for fault in view["errors"]]
    return [*said.items(), *(("wrong", text) for text in wrong)]
