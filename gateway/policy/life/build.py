"""From a folder of Rego to a bundle: stage, check, test, build.

The folder holds one folder for each rule, ``main/`` with the decision, and ``data/`` with JSON. Staged, it becomes an
OPA bundle with declared roots: ``sekisho`` (the decision), ``rules`` (one package for each rule folder), ``law`` (the
data, ``data/adequacy.json`` as ``data.law.adequacy``). What is pushed while it runs, ``data.facts``, lies beside it.
The stage adds what asks every rule (:func:`_by_rule`), so that one that is missing or undefined leaves nothing
permitted.

The bundle of a revision is signed by OPA itself (``.signatures.json``: a JWT over each file's digest, ES256, which is
what OPA knows besides RSA), and OPA refuses one that is not, or was changed. A bundle without a key is for checks only.

Everything is checked and built under ``policies/capabilities.json`` that ships, whatever folder is built.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import msgspec

from gateway.errors import SetupError
from gateway.policy.life import law as law_data
from gateway.policy.life.complaints import AS_JSON, complaints, strays, unformatted, unreadable
from gateway.policy.opa.program import Opa
from gateway.settings import SHIPPED

ROOTS = ("sekisho", "rules", "law")
NOT_RULES = frozenset({"main", "data", "presets", "cases", "templates"})
ALGORITHM = "ES256"
SCOPE = "sekisho.policy"
"""What a bundle's signature is for."""
AUTHZ = Path(__file__).parent.with_name("opa") / "rego"
CAPABILITIES = SHIPPED / "policies" / "capabilities.json"
METADATA = ("title", "description")
CUSTOM_METADATA = ("legal", "date", "owner")
_PLACE = re.compile(r"\.rego:\d+")
_RULE_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class BuildError(SetupError):
    """Policies that do not pass. ``details`` are OPA's own lines: file, line and what is wrong."""

    def __init__(self, problem: str, details: str = "") -> None:
        self.details = details
        lines = details.strip().splitlines()
        first = next((line for line in lines if _PLACE.search(line)), lines[0] if lines else "")
        super().__init__(f"{problem} {first.strip()}".strip(), "Run: sekisho policy check", exit_code=2)


@dataclass(frozen=True)
class VerifyingKey:
    """What OPA verifies a bundle with: a P-256 public key, and the name that the signature gives it."""

    id: str
    pem: str


@dataclass(frozen=True)
class SigningKey:
    """What a bundle is signed with: a P-256 private key in a PEM file, and its public part."""

    path: Path
    public: VerifyingKey


@dataclass(frozen=True)
class Bundle:
    """A built bundle. ``digest`` is the SHA-256 of the file, ``revision`` what its manifest says."""

    path: Path
    revision: str
    digest: str
    key: VerifyingKey | None = None


@dataclass(frozen=True)
class TestReport:
    """Outcome of ``opa test``. ``coverage`` is in percent of lines, 0 when a test failed."""

    __test__ = False

    passed: int
    failed: tuple[str, ...]
    coverage: float
    uncovered: tuple[str, ...]


def rules_in(directory: Path) -> list[str]:
    """Return the names of the rule folders, sorted.

    Raises:
        BuildError: there is none, or a name is not a Rego name.
    """
    names = sorted(p.name for p in directory.iterdir() if (p / "rule.rego").is_file() and p.name not in NOT_RULES)
    if not names:
        raise BuildError(f"{directory} has no rule folder.")
    for name in names:
        if not _RULE_NAME.match(name):
            raise BuildError(f"{directory / name}: a rule's name is lower-case letters, digits and `_`.")
    return names


def stage(directory: Path, to: Path, *, tests: bool = False, notes: Mapping[str, str] | None = None) -> None:
    """Lay out ``directory`` as an OPA bundle in the empty folder ``to``.

    Args:
        notes: what the bundle's manifest says of it besides, under ``metadata.sekisho``; part of its revision.

    Raises:
        BuildError: no decision, no rule, or data that are not JSON; names the file.
    """
    names = rules_in(directory)
    if not (directory / "main" / "decision.rego").is_file():
        raise BuildError(f"{directory} has no main/decision.rego.")
    for name in ["main", *names]:
        (to / name).mkdir()
        for source in sorted((directory / name).glob("*.rego")):
            if tests or not source.name.endswith("_test.rego"):
                shutil.copyfile(source, to / name / source.name)
    (to / "law").mkdir()
    (to / "law" / "data.json").write_text(json.dumps(law(directory), sort_keys=True), encoding="utf-8")
    (to / "by_rule.rego").write_text(_by_rule(directory, names), encoding="utf-8")
    manifest = {"roots": ROOTS, "rego_version": 1, **({"metadata": {"sekisho": dict(notes)}} if notes else {})}
    (to / ".manifest").write_text(json.dumps(manifest), encoding="utf-8")


def check(opa: Opa, directory: Path) -> None:
    """Check format, strict compilation under the capabilities, and that each rule has verdicts and metadata.

    Raises:
        BuildError: with OPA's lines.
    """
    rego = [directory / name for name in ("main", *rules_in(directory))]
    formatted = opa.run("fmt", "--list", "--fail", *rego, AUTHZ)
    if formatted.returncode:
        files = sorted(path for folder in rego for path in folder.glob("*.rego"))
        if broken := unreadable(opa, directory, files):
            raise BuildError("A policy could not be read:", broken)
        raise BuildError("Not formatted (opa fmt -w):", unformatted(opa, directory, files) or formatted.stdout)
    with _staged(directory, tests=True) as folder:
        _check_default(opa, folder)
        for name in rules_in(folder):
            _check_verdict(opa, folder, name)
        _compile(opa, folder)
        _check_metadata(opa, folder)
    _require(opa.run("check", "--strict", "--capabilities", CAPABILITIES, AUTHZ), "The API's policy does not compile:")


def test(opa: Opa, directory: Path) -> TestReport:
    """Run the Rego tests of the rules and of OPA's own API policy, with coverage.

    Raises:
        BuildError: the tests could not run.
    """
    reports = [_test(opa, AUTHZ)]
    with _staged(directory, tests=True) as folder:
        reports.append(_test(opa, folder))
    covered, lines = (sum(column) for column in zip(*(r[1] for r in reports), strict=True))
    return TestReport(
        passed=sum(r[0].passed for r in reports),
        failed=tuple(name for r in reports for name in r[0].failed),
        coverage=0.0 if any(r[0].failed for r in reports) else 100.0 * covered / lines,
        uncovered=tuple(line for r in reports for line in r[0].uncovered),
    )


def build(opa: Opa, directory: Path, cache: Path) -> Bundle:
    """Return the bundle of ``directory``, from ``cache`` when the same policies were built before.

    Raises:
        BuildError: the policies do not compile under the capabilities.
    """
    with _staged(directory) as folder:
        revision = _digest_of(folder, opa.version)
        path = cache / f"{revision}.tar.gz"
        if not path.is_file():
            _compile(opa, folder)
            _build(opa, folder, path, revision)
    return Bundle(path, revision, hashlib.sha256(path.read_bytes()).hexdigest())


def build_signed(opa: Opa, directory: Path, to: Path, key: SigningKey, notes: Mapping[str, str]) -> Bundle:
    """Build ``directory`` into the file ``to``, signed. Its revision is a digest of all that makes it, less the key.

    Raises:
        BuildError: the policies do not compile under the capabilities.
    """
    with _staged(directory, notes=notes) as folder:
        revision = _digest_of(folder, opa.version)
        _compile(opa, folder)
        _build(opa, folder, to, revision, key)
    return Bundle(to, revision, hashlib.sha256(to.read_bytes()).hexdigest(), key.public)


# --- how


@contextmanager
def _staged(directory: Path, *, tests: bool = False, notes: Mapping[str, str] | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sekisho-policy-") as folder:
        stage(directory, Path(folder), tests=tests, notes=notes)
        yield Path(folder)


def law(directory: Path) -> dict[str, Any]:
    """Return ``data/*.json`` by their names. Raises BuildError, naming file, line and column."""
    found: dict[str, Any] = {}
    for path in sorted((directory / "data").glob("*.json")):
        try:
            found[path.stem] = law_data.read(path)
        except law_data.BadLaw as error:
            raise BuildError(str(error)) from error
    return found


def _by_rule(directory: Path, names: list[str]) -> str:
    """Return Rego that asks every rule: once for the request, of each place, and of a target where it looks at targets.

    A rule whose verdict is not of the place (``verdict(_)``) is asked once. Others may say, once for the request, that
    they have nothing to say of any place (``spares_places``), those that look at targets of any (``spares_targets``):
    then they are not asked. One that says its word of all places at once (``verdicts``) is asked once. What a rule
    works out beforehand from pushed facts (``derived``) is gathered, too.
    """
    everywhere = [name for name in names if not re.search(r"^verdict\((?!_\))", _source(directory, name), re.MULTILINE)]
    placed = [name for name in names if name not in everywhere]
    looking = [name for name in names if _defines(directory, name, "target_verdict(")]
    sparing = [f"data.rules.{name}.spares_targets" for name in looking if _defines(directory, name, "spares_targets")]
    deriving = [f'"{name}": data.rules.{name}.derived' for name in names if _defines(directory, name, "derived :=")]
    spared = "; ".join(sparing or ["count(input.candidates) >= 0"]) if len(sparing) == len(looking) else "false"
    return "\n".join(
        [
            "package sekisho\n",
            *(["import data.sekisho.table\n"] if placed else []),
            f"everywhere := {_asked(everywhere, 'verdict({})')}\n",
            *(_judged(directory, name) for name in placed),
            *([] if placed else ["judged := {}\n"]),
            f"target_verdicts({'target' if looking else '_'}) := {_asked(looking, 'target_verdict(target)')}\n",
            f"default targets_spared := false\n\ntargets_spared if {{ {spared} }}\n",
            f"derived := {{{', '.join(deriving)}}}\n",
        ]
    )


def _judged(directory: Path, name: str) -> str:
    """Return the rule that holds what ``name`` says of each place; a place that it does not speak of is missing."""
    each = f"known := data.facts.places; some name in table.places; verdict := data.rules.{name}.verdict(known[name])"
    if _defines(directory, name, "verdicts :="):
        each = f"said := data.rules.{name}.verdicts; some name in table.places; verdict := said[name]"
    unless = f" if not data.rules.{name}.spares_places" if _defines(directory, name, "spares_places") else ""
    return f"judged.{name} := {{name: verdict | {each}}}{unless}\n"


def _asked(names: list[str], call: str) -> str:
    asked = (f'"{name}": data.rules.{name}.{call}' for name in names)
    return f"{{{', '.join(asked)}}}"


def _defines(directory: Path, name: str, head: str) -> bool:
    return re.search(f"^{re.escape(head)}", _source(directory, name), re.MULTILINE) is not None


def _source(directory: Path, name: str) -> str:
    return (directory / name / "rule.rego").read_text(encoding="utf-8")


def _compile(opa: Opa, folder: Path) -> None:
    options = ("--strict", "--capabilities", CAPABILITIES, *AS_JSON)
    done = opa.run("check", *options, "--bundle", ".", cwd=folder)
    if done.returncode and (beyond := strays(opa, folder, ROOTS)):
        raise BuildError("The policies do not compile:", f"{beyond}\n{complaints(done)}")
    _require(done, "The policies do not compile:")


def _build(opa: Opa, folder: Path, path: Path, revision: str, key: SigningKey | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="build-", dir=path.parent) as scratch:
        output = Path(scratch) / "bundle.tar.gz"
        options = ("--capabilities", CAPABILITIES, "--revision", revision, "--output", output, "--bundle", ".")
        signing = _signing(key, Path(scratch)) if key else ()
        _require(opa.run("build", *options, *signing, cwd=folder), "The policies could not be built:")
        output.replace(path)  # whole or not at all


def _signing(key: SigningKey, scratch: Path) -> tuple[str | Path, ...]:
    claims = scratch / "claims.json"
    claims.write_text(json.dumps({"scope": SCOPE, "keyid": key.public.id}), encoding="utf-8")
    return ("--signing-alg", ALGORITHM, "--signing-key", key.path, "--claims-file", claims)


def _digest_of(folder: Path, version: str) -> str:
    """Return 32 hex digits over everything that makes the bundle: sources, capabilities, OPA."""
    digest = hashlib.sha256(f"1\0{version}\0".encode())
    for path in [*sorted(p for p in folder.rglob("*") if p.is_file()), CAPABILITIES]:
        content = path.read_bytes()
        name = path.relative_to(folder) if path.is_relative_to(folder) else path.name
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _require(done: CompletedProcess[str], problem: str) -> None:
    if done.returncode:
        raise BuildError(problem, complaints(done))


def _check_verdict(opa: Opa, folder: Path, name: str) -> None:
    done = opa.run("parse", "--format", "json", f"{name}/rule.rego", cwd=folder)
    _require(done, "A rule could not be read:")
    rule = msgspec.json.decode(done.stdout)
    package = ".".join(str(step["value"]) for step in rule["package"]["path"][1:])
    if package != f"rules.{name}" or not any(r["head"].get("name") == "verdict" for r in rule.get("rules", [])):
        raise BuildError(f"{_head(folder, name, 'rule')}: there is no rules.{name}.verdict(place).")


def _check_default(opa: Opa, folder: Path) -> None:
    """Require ``default decision``: what cannot be decided must be refused by the policy itself too."""
    done = opa.run("parse", "--format", "json", "main/decision.rego", cwd=folder)
    _require(done, "The decision could not be read:")
    rules = msgspec.json.decode(done.stdout).get("rules", [])
    if not any(rule.get("default") and rule["head"].get("name") == "decision" for rule in rules):
        raise BuildError(f"{_head(folder, 'main', 'decision')}: there is no default decision.")


def _check_metadata(opa: Opa, folder: Path) -> None:
    done = opa.run("inspect", "--annotations", "--format", "json", ".", cwd=folder)
    _require(done, "The policies could not be inspected:")
    packages = {
        tuple(step["value"] for step in note["path"][1:]): note["annotations"]
        for note in json.loads(done.stdout).get("annotations", [])
        if note["annotations"].get("scope") == "package"
    }
    for name in rules_in(folder):
        notes = packages.get(("rules", name), {})
        missing = [key for key in METADATA if not notes.get(key)]
        missing += [key for key in CUSTOM_METADATA if not notes.get("custom", {}).get(key)]
        if missing:
            lacks = f"METADATA of package rules.{name} lacks {', '.join(missing)}."
            raise BuildError(f"{_head(folder, name, 'rule')}: {lacks}")


def _head(folder: Path, name: str, file: str) -> str:
    """Return the place of a file's package clause, where what is missing of the whole file would hang."""
    lines = (folder / name / f"{file}.rego").read_text(encoding="utf-8").splitlines()
    row = next((row for row, line in enumerate(lines, 1) if line.startswith("package ")), 1)
    return f"{name}/{file}.rego:{row}:1"


def _test(opa: Opa, folder: Path) -> tuple[TestReport, tuple[int, int]]:
    results = _output(opa, folder)
    failed = tuple(f"{r['package']}.{r['name']}" for r in results if r.get("fail") or r.get("error"))
    coverage = {} if failed else _output(opa, folder, "--coverage")  # OPA gives none when a test fails
    covered = coverage.get("covered_lines", 0)
    report = TestReport(len(results) - len(failed), failed, coverage.get("coverage", 0.0), tuple(_uncovered(coverage)))
    return report, (covered, covered + coverage.get("not_covered_lines", 0))


def _output(opa: Opa, folder: Path, *options: str) -> Any:
    done = opa.run(
        "test", "--timeout", f"{opa.limit_seconds:g}s", *options, "--format", "json", "--bundle", ".", cwd=folder
    )
    try:
        return msgspec.json.decode(done.stdout)
    except msgspec.DecodeError as error:
        raise BuildError("The tests could not run:", complaints(done)) from error


def _uncovered(coverage: dict[str, Any]) -> Iterator[str]:
    for name, lines in coverage.get("files", {}).items():
        for span in lines.get("not_covered", []):
            yield f"{name}:{span['start']['row']}"
