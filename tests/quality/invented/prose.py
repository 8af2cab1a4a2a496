"""Running prose as prompts have it, with a few numbers and, in every twelfth sentence, a value: for measuring speed.

No two texts are alike: counts, percentages and nouns change from sentence to sentence.
"""

from __future__ import annotations

from random import Random

from invented import templates_dev
from invented.documents import LANGUAGES, fill
from invented.template import Template

EVERY = 12
"""One sentence in so many is about a value."""

_NOUNS = {
    "en": "cooling fixture gearbox housing conveyor sealing paint welding bearing harness".split(),
    "de": "Kühlung Vorrichtung Getriebe Gehäuse Förderband Dichtung Lackierung Lager Kabelbaum Presse".split(),
    "fr": "refroidissement gabarit boîtier convoyeur joint peinture soudure roulement faisceau presse".split(),
    "it": "raffreddamento maschera cambio nastro guarnizione verniciatura saldatura cuscinetto cablaggio".split(),
    "es": "refrigeración utillaje caja cinta junta pintura soldadura rodamiento cableado prensa".split(),
    "ja": "冷却 治具 変速機 筐体 搬送 塗装 溶接 軸受 配線 金型".split(),
    "zh": "冷却 夹具 变速箱 壳体 输送带 密封 涂装 焊接 轴承 线束".split(),
}
_SENTENCES = {
    "en": (
        "We changed the {a} on line {n} because the {b} kept drifting after the second shift.",
        "Please summarise what the audit said about the {a} and list the open points in a table.",
        "The supplier answered that {p} of the parts passed, although the {b} had been stored outside for weeks.",
        "Before we order a new {a}, somebody should compare the costs with repairing the old {b}.",
        "It took {n} minutes to warm up, which is longer than the work instruction allows for the {a}.",
    ),
    "de": (
        "Wir haben die {a} an Linie {n} getauscht, weil die Maße nach der Spätschicht gewandert sind.",
        "Fasse bitte zusammen, was im Audit zum Thema {a} steht, und nenne die offenen Punkte als Liste.",
        "Der Lieferant schreibt, dass {p} der Teile in Ordnung waren, obwohl {b} und {a} wochenlang draußen lagen.",
        "Bevor wir neu bestellen, sollte jemand die Kosten mit einer Reparatur von {b} und {a} vergleichen.",
        "Das Aufwärmen dauerte {n} Minuten, also länger, als es die Arbeitsanweisung für {a} erlaubt.",
    ),
    "fr": (
        "Nous avons remplacé le {a} de la ligne {n}, car les cotes dérivaient après la deuxième équipe.",
        "Résume ce que dit l'audit au sujet du {a} et donne les points ouverts dans un tableau.",
        "Le fournisseur répond que {p} des pièces étaient bonnes, bien que le {b} soit resté dehors.",
        "Il a fallu {n} minutes de chauffe, plus que ne le permet la consigne pour le {a}.",
    ),
    "it": (
        "Abbiamo sostituito il {a} della linea {n} perché le quote si spostavano dopo il secondo turno.",
        "Riassumi che cosa dice la verifica sul {a} ed elenca i punti aperti in una tabella.",
        "Il fornitore risponde che il {p} dei pezzi era conforme, anche se il {b} era rimasto fuori.",
        "Il riscaldamento ha richiesto {n} minuti, più di quanto la procedura consenta per il {a}.",
    ),
    "es": (
        "Cambiamos la {a} de la línea {n} porque las cotas se movían después del segundo turno.",
        "Resume lo que dice la auditoría sobre la {a} y enumera los puntos abiertos en una tabla.",
        "El proveedor responde que el {p} de las piezas era correcto, aunque la {b} estuvo fuera.",
        "El calentamiento duró {n} minutos, más de lo que permite la instrucción para la {a}.",
    ),
    "ja": (
        "{n}号ラインの{a}を交換した。二直のあと寸法がずれ続けたためである。",
        "監査で{a}について何が指摘されたかを要約し、未解決の項目を表にしてください。",
        "仕入先によれば{p}の部品は合格だったが、{b}は数週間屋外に置かれていた。",
        "昇温に{n}分かかり、{a}の作業標準で認められた時間を超えている。",
    ),
    "zh": (
        "我们更换了{n}号线的{a}，因为第二班之后尺寸一直漂移。",
        "请总结审核报告中关于{a}的内容，并把未关闭的问题列成表格。",
        "供应商答复说{p}的零件合格，但{b}在室外放了几个星期。",
        "升温用了{n}分钟，超过了{a}作业指导书允许的时间。",
    ),
}


def prose(chars: int, seed: int) -> str:
    """Return so many characters, a paragraph of one language after another."""
    r = Random(seed)
    parts: list[str] = []
    length = number = 0
    while length < chars:
        lang = r.choice(LANGUAGES)
        for _ in range(r.randrange(3, 9)):
            number += 1
            parts.append(_about_a_value(r, lang) if number % EVERY == 0 else _sentence(r, lang))
            length += len(parts[-1]) + 1
        parts[-1] += "\n"
    return " ".join(parts)[:chars]


def _sentence(r: Random, lang: str) -> str:
    a, b = r.sample(_NOUNS[lang], 2)
    return r.choice(_SENTENCES[lang]).format(a=a, b=b, n=r.randrange(2, 90), p=f"{r.uniform(60, 99.9):.1f} %")


def _about_a_value(r: Random, lang: str) -> str:
    kind = r.choice(sorted(templates_dev.SPLIT.labels))
    label = r.choice(templates_dev.SPLIT.labels[kind])
    frame = r.choice(templates_dev.SPLIT.frames[lang]).replace("⟨label⟩", label).replace("⟨value⟩", f"⟨{kind}⟩")
    return fill(Template(lang, "sentence", frame), r, "").text
