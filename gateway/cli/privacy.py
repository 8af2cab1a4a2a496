"""``sekisho privacy``: what the detectors see in a text. Runs here, without the server; nothing is sent or kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.session import ANSWERED_NO, USED_WRONGLY, Session, command, group
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.domain import Detection, Finding
    from gateway.settings import Settings

app = group("privacy", "See what personal data the detectors find.")

_MOST_CHARS = 1_000_000

File = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A text file; else standard input.")]
Show = Annotated[bool, typer.Option("--show", help="Show the found values too. They are personal data: take care.")]
FailWhenFound = Annotated[bool, typer.Option("--fail-when-found", help="Leave with 1 when something is found.")]


@command(
    app,
    "scan",
    examples=[
        "sekisho privacy scan letter.txt",
        "echo 'Call Anna Schmidt' | sekisho privacy scan --show",
        "sekisho privacy scan --json --fail-when-found < prompt.txt",
    ],
)
def scan(session: Session, file: File = None, show: Show = False, fail_when_found: FailWhenFound = False) -> None:
    """Show which types of personal data a text holds, where, and how sure the detector is; no values without --show."""
    import asyncio

    text = _read(file)
    with session.output.progress("Loading detectors"):
        detection = asyncio.run(_detect(text, session.settings))
    findings = [plain_finding(text, finding, show) for finding in detection.findings]
    columns = ("type", "from", "to", "score", "recognizer", *(["value"] if show else []))
    rows = [tuple(str(cell) for cell in finding.values()) for finding in findings]
    data = {"detector": detection.detector, "counts": detection.counts(), "findings": findings}
    session.output.table(f"Found by {detection.detector}", columns, rows, data, "Nothing was found.")
    if findings and fail_when_found:
        raise typer.Exit(ANSWERED_NO)


async def _detect(text: str, settings: Settings) -> Detection:
    """Search one text with the detector that the server uses. Raises SetupError, DetectorUnavailable."""
    from gateway.domain import Segment
    from gateway.privacy.presidio import Detector, NoDetection, PresidioDetector

    its: Detector = NoDetection() if settings.privacy.detection == "off" else PresidioDetector(settings.privacy)
    await its.start()
    try:
        return await its.detect((Segment(("text",), text),))
    finally:
        await its.stop()


def _read(file: Path | None) -> str:
    """Return the text. Raises SetupError: not UTF-8, too long, nothing there."""
    if file is None and sys.stdin.isatty():
        raise SetupError("There is no text to scan.", "Name a file, or pipe text in.", exit_code=USED_WRONGLY)
    try:
        raw = file.read_bytes() if file is not None else sys.stdin.buffer.read()
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SetupError("The text is not UTF-8.", "Convert it first.", exit_code=USED_WRONGLY) from error
    except OSError as error:
        raise SetupError(f"{file} cannot be read ({error.strerror}).", "Check the path and its mode.") from error
    if len(text) > _MOST_CHARS:
        mend = "Scan it in parts."
        raise SetupError(f"The text has more than {_MOST_CHARS} characters.", mend, exit_code=USED_WRONGLY)
    return text


def plain_finding(text: str, finding: Finding, show: bool) -> dict[str, Any]:
    """Return a finding as plain data; offsets are code points. Without ``show``, never the value."""
    value = {"value": text[finding.start : finding.end]} if show else {}
    place = {"type": finding.type, "start": finding.start, "end": finding.end}
    return {**place, "score": round(finding.score, 2), "recognizer": finding.recognizer, **value}
