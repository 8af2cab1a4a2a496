"""The bill of materials, CycloneDX 1.6 (ECMA-424) in JSON: each part with its package URL, hashes and licence.

Models are components of type ``machine-learning-model`` with a model card (ML-BOM) made from their manifests. Serial
number and time are made of the release, so that equal releases have equal bills.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from gateway.bundle.build.items import About, Item
from gateway.bundle.build.licences import folder_of
from gateway.bundle.release import Part

_NAMESPACE = uuid.UUID("0e5a3f8c-3f0b-5d1e-9a41-6c2f5b7d9e10")  # of our serial numbers


def bill(items: Iterable[Item], version: str, at: datetime) -> bytes:
    """Return the bill of a release, UTF-8 JSON.

    Args:
        items: its parts; those without ``about`` (the papers) are not listed.
        at: when the release was built, with a time zone.
    """
    told = [one for one in items if one.about is not None]
    whole = Component(name="sekisho", version=version, type=ComponentType.APPLICATION, bom_ref=f"sekisho@{version}")
    bom = Bom(components=[_component(one.part, one.about) for one in told if one.about])
    bom.metadata.component = whole
    bom.metadata.timestamp = at
    bom.dependencies = [
        Dependency(whole.bom_ref, [Dependency(one.bom_ref) for one in bom.components]),
        *(Dependency(one.bom_ref) for one in bom.components),
    ]
    contents = "\n".join(sorted(f"{one.part.sha256} {one.part.name}" for one in told))
    bom.serial_number = uuid.uuid5(_NAMESPACE, f"{version}\n{at.isoformat()}\n{contents}")
    plain = json.loads(JsonV1Dot6(bom).output_as_string())
    _add_cards(plain, told)
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def exchanged(old: bytes, fresh: Iterable[Item], gone: Iterable[str], version: str, at: datetime) -> bytes:
    """Return the bill ``old`` with the parts of the kinds ``gone`` left out and the fresh ones put in."""
    whole, part = json.loads(old), json.loads(bill(fresh, version, at))
    removed = {one["bom-ref"] for one in whole["components"] if _kind_of(one) in set(gone)}
    components = [one for one in whole["components"] if one["bom-ref"] not in removed] + part["components"]
    whole["components"] = sorted(components, key=lambda one: str(one["bom-ref"]))
    refs = [one["bom-ref"] for one in whole["components"]]
    main = whole["metadata"]["component"]["bom-ref"]
    whole["dependencies"] = [{"dependsOn": refs, "ref": main}, *({"ref": ref} for ref in refs)]
    whole["metadata"]["timestamp"] = part["metadata"]["timestamp"]
    hashes = "\n".join(f"{one['hashes'][0]['content']} {one['bom-ref']}" for one in whole["components"])
    whole["serialNumber"] = uuid.uuid5(_NAMESPACE, f"{version}\n{at.isoformat()}\n{hashes}").urn
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def folders_of_kinds(plain: dict[str, Any], kinds: Iterable[str]) -> frozenset[str]:
    """The folders of the licence report that belong to components of these kinds."""
    found = [one for one in plain["components"] if _kind_of(one) in set(kinds)]
    return frozenset(folder_of(str(one["name"]), str(one.get("version", ""))) for one in found)


def _kind_of(component: dict[str, Any]) -> str:
    return next(str(one["value"]) for one in component["properties"] if one["name"] == "sekisho:kind")


def _component(part: Part, about: About) -> Component:
    return Component(
        name=about.name,
        version=about.version,
        type=ComponentType(about.type),
        bom_ref=part.name,
        purl=PackageURL.from_string(about.purl) if about.purl else None,
        description=about.description or None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)],
        licenses=[_licence(about.licence)],
        properties=[Property(name="sekisho:kind", value=part.kind), Property(name="sekisho:place", value=part.place)],
        components=[_inner(part, one) for one in about.inside],
    )


def _inner(part: Part, about: About) -> Component:
    return Component(
        name=about.name,
        version=about.version,
        type=ComponentType(about.type),
        bom_ref=f"{part.name}#{about.name}@{about.version}",
        purl=PackageURL.from_string(about.purl) if about.purl else None,
        licenses=[_licence(about.licence)],
    )


def _licence(expression: str) -> LicenseExpression | DisjunctiveLicense:
    single = " " not in expression and not expression.startswith("LicenseRef-")
    return DisjunctiveLicense(id=expression) if single else LicenseExpression(expression)


def _add_cards(plain: dict[str, Any], told: Iterable[Item]) -> None:
    """Put model cards in, which the library cannot write yet."""
    cards = {one.part.name: _card(one.about) for one in told if one.about is not None and one.about.model}
    for component in plain["components"]:
        if component["bom-ref"] in cards:
            component["modelCard"] = cards[component["bom-ref"]]


def _card(about: About) -> dict[str, Any]:
    manifest = about.model
    performs = [str(one) for one in manifest.get("capabilities", ())]
    said = {
        "sekisho:quantisation": manifest.get("quantisation"),
        "sekisho:context_tokens": manifest.get("context_tokens"),
        "sekisho:origin": manifest.get("origin"),
    }
    text = {"format": "string"}
    return {
        "modelParameters": {
            "task": ", ".join(performs),
            "inputs": [text],
            "outputs": [{"format": "vector"}] if performs == ["embed"] else [text],
        },
        "properties": [{"name": name, "value": str(value)} for name, value in said.items() if value],
    }
