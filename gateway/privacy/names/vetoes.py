"""Names that are nobody's here: firms, products, units and methods called after a person. Quiet where they stand alone.

A title or a form's label before it (``Herr Bosch``, ``Operator: Watt``) outweighs the list, and so does a given name.
"""

from __future__ import annotations

import re

from gateway.privacy.names.countries import ALSO_NAMES, COUNTRIES

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
    "prometheus|watson|llama|denso|aisin|valeo|faurecia|autoliv|catl|byd|geely|xpeng|jatco|hitachi|panasonic|murata|"
    "omron|keyence|yaskawa|mitsubishi|kobelco|kyocera|komatsu|subaru|isuzu|daihatsu|lexus|nissan|hyundai|skoda|škoda|audi|"
    "volkswagen|polestar|volvo|scania|iveco|benteler|gestamp|infineon|renesas|nvidia|qualcomm|broadcom|motorola|atmel|"
    "konami|lockheed|lockheed martin|castrol|amtrak|fastweb|rotten tomatoes"
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


_PLACES = (  # what a place or a thing is called by that bears the name behind it; no word that a plant's log has too
    "lake|mount|fort|cape|river|hurricane|typhoon|operation|lago|fiume|torrente|rio|monte|monti|isola|isole|"
    "golfo|mar|mare|valle|val|viale|piazza|piazzale|vicolo|palazzo|castello|castel|galleria|teatro|stadio|"
    "aeroporto|museo|parco|cimitero|collegio|operazione|sonda|frazione|località|borgata|contrada|quartiere|rione|"
    "sestiere|comune di|comuni di|frazione di|provincia di|isola di|golfo di|valle di|val di|lago di|città di|"
    "marmo di|lac|mont|monts|île|îles|golfe|vallée|rivière|fleuve|boulevard|quai|pont|palais|château|musée|"
    "théâtre|stade|aéroport|parc|cimetière|collège|lycée|opération|ouragan|commune de|ville de|hameau de|"
    "province de|río|cerro|sierra|isla|islas|avenida|plaza|puente|palacio|castillo|estadio|aeropuerto|parque|"
    "cementerio|barrio|municipio de|provincia de|ciudad de|huracán|operación|insel|fluss|kap|schloss|hurrikan|"
    "taifun|landkreis|wahlkreis|hms|uss|rms|sms"
)
_CLUBS = (
    "FC|CF|SC|AC|NK|FK|IF|IFK|BK|KV|SK|UD|SD|RC|SV|TSV|VfB|VfL|VfR|TSG|SSV|SSC|SpVgg|FSV|AFC|NAC|PSV|Deportivo|Girondins|"
    "Sporting|Atlético|Dinamo|Dynamo|Udinese"
)
_BEFORE = re.compile(rf"(?<!\w)(?:(?i:{_PLACES})|{_CLUBS})[ ]\Z")
_FARTHEST = 16  # characters of the longest of these, and a blank
_AFTER = re.compile(  # and behind it
    r"[ ](?:Records|Award|Awards|Prize|Trophy|Stadium|Park|Bay|Creek|River|Rivers|Lake|Hills|Island|Islands|Valley|"
    r"Mountains|Wilderness|Highway|Square|Library|Institute|Church|Chapel|Abbey|Palace|Airport|Railway|Theatre|Theater|"
    r"Orchestra|Quartet|Property[ ]Group|Township|counties|syndrome|fir|Calcio|Albion|Athletic|Hotspur|North[ ]End|"
    r"City|Mavericks|Lakers|Bulls|Cardinals|Eagles|Giants|Tigers|Bears|Musical[ ]Instruments|Pictures|Studios|"
    r"Entertainment|Publishing|Pharmaceuticals|Motorsports|Airlines|Airways)\b"
)


_BEGINS = re.compile(r"(?:Fa\.|Hurricane|Typhoon|Mar|Mare|Monti|Lago|Castel|Lake|Mount|Fort)[ ]")
_REGIONS = (  # that are hardly anybody's surname
    "Piemonte Lombardia Toscana Umbria Sardegna Liguria Puglia Emilia-Romagna Baviera Renania Sassonia Catalogna "
    "Provenza Normandia Manciuria Bayern Sachsen Thüringen Hessen Bavaria Saxony Lombardy Tuscany Catalonia "
    "Normandy Saskatchewan Kerala Bretagne Provence Normandie Cataluña Andalucía Anhui Fujian Gansu Guangdong "
    "Guangxi Guizhou Hainan Hebei Heilongjiang Henan Hubei Hunan Jiangsu Jiangxi Jilin Liaoning Qinghai Shaanxi "
    "Shandong Shanxi Sichuan Xinjiang Yunnan Zhejiang Gujarat Haryana Karnataka Maharashtra Punjab Rajasthan "
    "Queensland Assyria Mesopotamia Anatolia Transylvania Creta"
)
_PEOPLES = frozenset(  # written with a capital in English and behind foreign labels: German passport
    "German French Italian Spanish Japanese Chinese British English Austrian Swiss Dutch Belgian Polish Czech Slovak "
    "Hungarian Romanian Bulgarian Greek Turkish Portuguese Danish Swedish Norwegian Finnish Irish Korean Indian "
    "Mexican American Canadian Brazilian Ukrainian Croatian Slovenian Serbian European Asian".split()
)
_PAPERS = re.compile(
    r"[ ](?:passport|ID|id|identity|driving|driver|licen[cs]e|tax|social|health|insurance|national|VAT|phone|mobile|"
    r"number|plate|plates|company|customer|supplier|plant|site|law|government|residence|visa|bank|account)\b"
)
_CUT_OFF = re.compile(r"\.?[ ]?-?(?:Nr|No|nr|no)\b|\.[ ]?(?:F|IVA|I)\b")  # Mitarb.-Nr., C.F., P. IVA
_COMPASS = re.compile(r"\w+[ ](?:Nord|Süd|Ost|West|Nordost|Nordwest|Südost|Südwest|Mitte|North|South|East|Nord-Ost)\Z")
_GATES = frozenset(
    "pforte tor halle werk parkplatz eingang lager rampe werkstor werkschutz empfang kantine gate hall plant warehouse "
    "dock lot portail porte quai atelier usine parking cancello reparto portone stabilimento magazzino puerta nave "
    "planta almacén portería".split()
)
_LANDS = frozenset(
    {*(COUNTRIES - ALSO_NAMES), *_REGIONS.split()}
    | {"Uttar Pradesh", "Madhya Pradesh", "Andhra Pradesh", "Tamil Nadu", "Nova Scotia", "New South Wales"}
)


_THINGS = _ALONE | frozenset("port ttl vlan udp tcp modbus slot rack bit byte".split())


def is_thing(word: str) -> bool:
    """Whether a word names a firm, a unit or a part of a network, with no postcode behind it: ``Port 44818``."""
    return word.lower() in _THINGS


def is_nobody(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` names a firm, a product, a unit, a method, a place or a club; not a person."""
    if _COMPANY.match(text, end) or _BOUND.match(text, end) or _AFTER.match(text, end):
        return True
    if text[start:end] in _PEOPLES and _PAPERS.match(text, end):
        return True
    if _CUT_OFF.match(text, end) or (
        _COMPASS.match(text[start:end]) and text[start:end].partition(" ")[0].lower() in _GATES
    ):
        return True
    head = _BEFORE.search(text, max(0, start - _FARTHEST), start)
    if head and not (head[0].endswith((" di ", " de ")) and " " in text[start:end]):
        return True
    if text[start:end] in _LANDS or _BEGINS.match(text, start, end):
        return True
    return text[start:end].lower().rstrip("'’s").strip() in _ALONE or text[start:end].lower() in _ALONE
