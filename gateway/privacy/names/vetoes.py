"""Names that are nobody's here: firms, products, units and methods called after a person. Quiet where they stand alone.

A title or a form's label before it (``Herr Bosch``, ``Operator: Watt``) outweighs the list, and so does a given name.
"""

from __future__ import annotations

import re

_FIRMS = (
    "john deere|harley davidson|harley-davidson|allen bradley|allen-bradley|johnson controls|rolls royce|"
    "rolls-royce|aston martin|"
    "alfa romeo|mercedes|mercedes benz|mercedes-benz|morgan stanley|jp morgan|goldman sachs|"
    "merrill lynch|hewlett packard|"
    "ernst young|procter gamble|johnson johnson|marks spencer|general electric|bosch|siemens|daimler|"
    "porsche|ferrari|ford|"
    "chrysler|opel|renault|peugeot|citroën|bugatti|lamborghini|maserati|honda|toyota|suzuki|mazda|yamaha|"
    "kawasaki|ishikawajima|"
    "schaeffler|continental|festo|kuka|fanuc|zeiss|krupp|thyssen|thyssenkrupp|henkel|merck|bayer|braun|miele|liebherr|"
    "jungheinrich|linde|mann hummel|knorr|hella|mahle|brose|dürr|trumpf|heidenhain|beckhoff|wago|"
    "phoenix contact|pilz|sick|"
    "balluff|turck|rittal|lapp|würth|hilti|stihl|kärcher|claas|fendt|deutz|caterpillar|cummins|perkins|"
    "parker|parker hannifin|"
    "emerson|rockwell|schneider|schneider electric|philips|pirelli|michelin|goodyear|dunlop|bridgestone|"
    "brembo|fiat|dell|oracle|"
    "claude|siri|alexa|cortana|jenkins|docker|apache|cassandra|jupyter|gradle|kubernetes|grafana|"
    "prometheus|watson|llama"
)
_UNITS = (
    "newton|watt|pascal|volt|hertz|kelvin|celsius|fahrenheit|tesla|joule|ampere|ampère|ohm|farad|henry|"
    "gauss|siemens|becquerel|gray|"
    "sievert|pareto|gantt|ishikawa|weibull|shewhart|taguchi|deming|six sigma|kanban|kaizen|vickers|"
    "brinell|shore|bowden|kardan|"
    "cardan|wankel|otto|diesel|torx|phillips|allen|bernoulli|poisson|monte carlo|fourier|laplace|euler|"
    "markov|bayes|kalman|"
    "reynolds|hooke|young|poka yoke|petri|bunsen|erlenmeyer|luer|parkinson|alzheimer|crohn|hodgkin|doppler|foley|redon|"
    "tuttlingen|rh|valsalva|kocher|billroth|gram|giemsa|papanicolaou|röntgen|gleason|apgar|glasgow|"
    "murphy|babinski|romberg|"
    "lasègue|cushing|addison|basedow|hashimoto|barrett|wegener|sjögren|kaposi|ewing|burkitt|wilms|fallot|raynaud|paget"
)
_ALONE = frozenset(f"{_FIRMS}|{_UNITS}".split("|"))
_COMPANY = re.compile(
    r"[ ]?(?:&|\+|und|and|et|e|y)?[ ]?(?:GmbH|AG|SE|KG|KGaA|OHG|Inc|Ltd|LLC|LLP|Corp|PLC|plc|S\.p\.A|SpA|"
    r"S\.r\.l|Srl|S\.A|SAS|SARL|"
    r"S\.L|B\.V|N\.V|Co\.|Corporation|Company|Group|Gruppe|Holding|Motors|Werke|Industries|Systems|"
    r"Technologies|Automotive|"
    r"Engineering|Consulting|Bank|Versicherung|Stiftung|Foundation|University|Universität|Museum|Airport|"
    r"Stadium|Arena|FC|CF|SC|AFC|FK|United|Rovers|Wanderers|County|College|Bridge|Tower|Castle|Cathedral)\b"
)
_BOUND = re.compile(
    r"-?(?:Motor|Diagramm|Analyse|Schraube|Schlüssel|Verteilung|Test|Syndrom|Skala|Katheter|[Dd]iagram|[Cc]hart)"
)


def is_nobody(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` names a firm, a product, a unit, a method; not a person."""
    if _COMPANY.match(text, end) or _BOUND.match(text, end):
        return True
    return text[start:end].lower().rstrip("'’s").strip() in _ALONE or text[start:end].lower() in _ALONE
