"""The forms in which a name is announced, in five languages: what stands before it or, seldom, behind it.

:data:`FORMS` is a table of expressions; group 1 is the name, as far as it may reach. :mod:`gateway.privacy.names.cues`
says what becomes of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

UPPER = r"\p{Lu}[\p{L}\p{M}'’\-]{0,30}"
_INITIAL = r"\p{Lu}\."
_PARTICLE = r"(?:von|van|zu|zur|zum|de|del|della|di|da|du|des|dos|der|den|ter|ten|la|le|el|al|bin|ibn|y)"
FULL = rf"(?:{_INITIAL}[ ]?|{UPPER}[ ])?(?:(?:{_INITIAL}[ ]?|{UPPER}[ ]|{_PARTICLE}[ ]){{0,4}})(?:{UPPER})"

TITLE = (
    r"(?:Herrn?|Frau|Hr\.|Fr\.|Frl\.|Mr\.?|Mrs\.?|Ms\.?|Miss|Mister|Mme|Mlle|Monsieur|Madame|Mademoiselle|"
    r"Sig\.(?:ra|na)?|Signor[ae]?|Signorina|Dott\.(?:ssa)?|Sr\.|Sra\.|Srta\.|Señor(?:a|ita)?|Don|Doña|Dña\.|D\.ª|"
    r"Dr\.|Dra\.|Prof\.|Professor(?:in)?|Dipl\.-Ing\.|Maître)"
)
_COLLEAGUE = r"(?:(?:Kolleg(?:e|en|in)|Confrère|Consœur|Collega|Colega)[ ])?"
_LABEL = (
    r"(?i:name|vorname|nachname|familienname|ansprechpartner(?:in)?|bearbeiter(?:in)?|sachbearbeiter(?:in)?|"
    r"kontakt(?:person)?|contact(?: person)?|patient(?:in)?|teilnehmer|mitarbeiter(?:in)?|schichtleiter(?:in)?|"
    r"verantwortlich(?:er|e)?|responsible|owner|author|autor|reviewer|prepared by|approved by|signed by|reported by|"
    r"operator|attn|z\. ?hd\.|zu händen|from|von|cc|user|billing address|shipping address|nom|prénom|interlocuteur|"
    r"responsable|destinataire|rédacteur|"
    r"nome|cognome|referente|responsabile|redatto da|nombre|apellidos?|paciente|médico|contacto|remitente|firmado|"
    r"gezeichnet|gez\.|i\. ?a\.|i\. ?v\.|ppa\.|"
    r"(?:account|card)[ -]?holder(?:'s name)?|applicant|beneficiary|employee|customer|client|caller|agent|guest|"
    r"passenger|tenant|landlord|emergency contact|next of kin|spouse|mother's maiden name|maiden name|signature|"
    r"recipient|sender|empfänger(?:in)?|absender(?:in)?|antragsteller(?:in)?|kontoinhaber(?:in)?|unterschrift|"
    r"geburtsname|titulaire|expéditeur|bénéficiaire|intestatario|mittente|destinatario|beneficiario|firmante|titular)"
)
_GREETING = (
    r"(?:Dear|Hello|Hi|Hey|Hallo|[Ll]iebe[rs]?|Servus|Moin|Bonjour|Salut|Cher|Chère|Ciao|Caro|Cara|Gentile|Egregio|"
    r"Hola|Querid[oa]|Estimad[oa]|[Gg]ood (?:morning|afternoon|evening)|Guten (?:Tag|Morgen|Abend)|"
    r"Buon(?:giorno|asera)|Buenos días|Buenas tardes)"
)
_FAREWELL = (
    r"(?:(?:[Mm]it )?(?:[Ff]reundliche[nr]?|[Vv]iele[n]?|[Bb]este[n]?|[Ss]chöne[n]?|[Hh]erzliche[n]?|[Ll]iebe[n]?) "
    r"[Gg]r(?:üße|üsse|üßen|üssen|uß)|Gruß|Grüße|MfG|mfg|LG|VG|lg|vg|"
    r"(?:Best|Kind|Warm|Many|With best) (?:regards|thanks|wishes|Regards)|Regards|Sincerely|"
    r"Yours (?:sincerely|faithfully|truly)|Thanks|Thank you|Best|Cheers|"
    r"(?:Bien )?[Cc]ordialement|(?:Sincères|Meilleures) salutations|Bien à vous|Merci|"
    r"(?:Cordiali|Distinti) saluti|Saluti|Un (?:cordial )?saludo|Saludos(?: cordiales)?|Atentamente|Gracias|Grazie)"
)
_FAREWELL_ENDS = tuple(
    "üße|üßen|üsse|üssen|uß|fG|fg|LG|VG|lg|vg|egards|hanks|ishes|ncerely|faithfully|truly|hank you|Best|Cheers|"
    "ordialement|alutations|à vous|Merci|aluti|aludo|aludos|ordiales|tentamente|Gracias|Grazie".split("|")
)
_PAUSE = re.compile("[,\n]")


def _may_leave(text: str) -> bool:
    """Whether a comma or a line's end stands behind what a farewell ends with."""
    before = (text[max(0, pause.start() - 16) : pause.start()] for pause in _PAUSE.finditer(text))
    return any(words.rstrip(" ,.!").endswith(_FAREWELL_ENDS) for words in before)


_NAMED = (  # who says, or of whom it is said, how somebody is called
    r"(?:(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Yy]our|[Ff]ull|[Mm]aiden|[Cc]ustomer|[Cc]hild's|[Ss]on's|[Dd]aughter's|"
    r"[Ww]ife's|[Hh]usband's)(?:[ ](?:full|first|last|middle|maiden|legal))?[ ](?:sur)?name(?:[ ]is|'s|[ ]was)|"
    r"everyone[ ]calls[ ]me|(?:people|friends)[ ](?:just[ ])?call[ ]me|(?:[Yy]ou[ ]can|[Pp]lease|just)[ ]call[ ]me|"
    r"goes[ ]by(?:[ ]the[ ]name(?:[ ]of)?)?|"
    r"[Mm]ein[ ](?:vollständiger[ ]|voller[ ])?Name[ ](?:ist|lautet)|[Ii]ch[ ]heiße|[Hh]ier[ ]spricht|"
    r"[Jj]e[ ](?:m'appelle|me[ ]nomme)|[Mm]on[ ]nom(?:[ ]complet)?[ ]est|(?:il|elle|qui)[ ]s'appelle|"
    r"[Mm]i[ ]chiamo|[Ii]l[ ]mio[ ]nome[ ](?:completo[ ])?è|[Mm]e[ ]llamo|[Mm]i[ ]nombre(?:[ ]completo)?[ ]es)"
)
_KIN = (  # whose name follows the word directly
    r"(?:[Mm]y|[Hh]is|[Hh]er|[Oo]ur|[Yy]our|[Tt]heir)[ ](?:wife|husband|spouse|fiancée?|partner|"
    r"(?:grand)?(?:son|daughter|mother|father|child)|kid|baby|(?:step)?(?:brother|sister)|"
    r"mom|mum|dad|uncle|aunt|cousin|niece|nephew|"
    r"(?:boy|girl)?friend|colleague|coworker|co-worker|boss|manager|supervisor|assistant|doctor|lawyer|teacher|"
    r"neighbou?r|roommate|landlord|tenant|nurse),?|"
    r"(?:[Mm]on|[Mm]a|[Ss]on|[Ss]a|[Nn]otre)[ ](?:femme|mari|fils|fille|frère|sœur|mère|père|collègue|amie?|voisine?|"
    r"cheffe?|médecin|avocate?)|"
    r"(?:[Mm]i[ao]|[Ss]u[ao])[ ](?:moglie|marito|figli[ao]|fratello|sorella|madre|padre|collega|amic[ao]|capo)|"
    r"(?:[Mm]i|[Ss]u)[ ](?:mujer|esposa|esposo|marido|hij[oa]|herman[oa]|madre|padre|colega|amig[oa]|jef[ea]|vecin[oa])"
)
_TOLD = (  # of whom one speaks, with whom
    r"(?:I[ ]am|I'm|[Tt]his[ ]is|named|called|known[ ]as|(?:[Ss]p(?:eak|oke|eaking|oken)|[Tt]alk(?:ed|ing)?|"
    r"[Cc]hat(?:ted|ting)?|[Mm]eeting|[Mm]et|[Ff]ollow(?:ed|ing)?[ ]up|[Aa]ppointment)[ ](?:to|with)|"
    r"[Hh]ave[ ]you[ ](?:heard|seen|met)|[Rr]emember[ ]me,|[Ss]ubmitted[ ]by|[Ff]iled[ ]by|[Oo]n[ ]behalf[ ]of|"
    r"[Ww]ritten[ ]by|c/o|[Tt]he[ ]name[ ](?:is|of)|[Cc]hange[ ](?:it|the[ ]name)[ ]to|"
    r"[Ii]ch[ ]bin|[Hh]ier[ ]ist|namens|genannt|[Jj]e[ ]suis|nommée?|di[ ]nome|de[ ]nombre|llamad[oa]|"
    r"(?:[Mm]ein|[Ii]hr|[Ss]ein|[Uu]nser)e?[ ](?:Frau|Mann|Sohn|Tochter|Bruder|Schwester|Mutter|Vater|Kollegin|Kollege|"
    r"Freundin|Freund|Chefin|Chef|Nachbarin|Nachbar|Arzt|Ärztin))"
)
_DOES = (  # what only people do: behind the name
    r"(?:lives?|lived|resides?|was[ ]born|moved|grew[ ]up|passed[ ]away|got[ ]married|is[ ]married|emailed|phoned|"
    r"texted|wohnt|wohnte|heißt|habite|demeure|abita|vive|nació|nacque|will[ ]be[ ]talking|"
    r"is[ ](?:very[ ])?(?:reliable|friendly|nice|angry|sick|pregnant|retired|unemployed)|"
    r"is[ ]the[ ]keynote|had[ ]given)"
)
_ASKED = r"(?:can|could|would|will|please|do|did|are|is|how|what|when|where|why|who|I|I'm|we|thanks|thank|let|have)"
_INITIALLED = (
    rf"\p{{Lu}}[\p{{L}}'’\-]{{1,30}}(?:[ ]{_INITIAL}?){{1,2}}[ ](?:{_PARTICLE}[ ]){{0,2}}\p{{Lu}}[\p{{L}}'’\-]{{1,30}}"
)


LAST_WORDS = frozenset(
    "is name's was me by of ist lautet heiße spricht m'appelle nomme est s'appelle chiamo è llamo es am i'm named "
    "called as to with met seen heard c/o bin namens genannt suis nommé nommée nome nombre llamado llamada "
    "wife husband spouse fiancé fiancée partner son daughter mother father child grandson granddaughter grandmother "
    "grandfather grandchild kid baby brother sister stepbrother stepsister mom mum dad uncle aunt cousin niece nephew "
    "friend boyfriend girlfriend colleague coworker co-worker boss manager supervisor assistant doctor lawyer teacher "
    "neighbor neighbour roommate landlord tenant nurse "
    "frau mann sohn tochter bruder schwester mutter vater kollegin kollege freundin freund chefin chef nachbarin "
    "nachbar arzt ärztin femme mari fils fille frère sœur mère père collègue ami amie voisin voisine cheffe médecin "
    "avocat avocate moglie marito figlio figlia fratello sorella madre padre collega amico amica capo mujer esposa "
    "esposo marido hijo hija hermano hermana colega amigo amiga jefe jefa vecino vecina".split()
)
"""What :data:`BEFORE` ends with, in small letters: other words need not be looked at."""


class Form(NamedTuple):
    """One form. ``key`` stands in every text that holds it; of such a text ``may`` is true, at little cost."""

    name: str
    expression: str
    strong: bool = False  # the word is a name whatever it looks like
    key: str = ""
    may: Callable[[str], object] = bool


FORMS = (
    Form("titled", rf"(?:{TITLE}[ ])+{_COLLEAGUE}({FULL})", True),
    Form("signed", rf"(?:gez\.|i\. ?A\.|i\. ?V\.|ppa\.)[ ]({FULL})", True, key=". "),
    Form("greeted", rf"{_GREETING}[ ]({FULL})[ ]?[,!:\n]"),
    Form(
        "leaving",
        rf"{_FAREWELL}(?:[,.!]?[ ]{{0,3}}\n{{1,2}}[ ]{{0,4}}|,[ ])(?:{TITLE}[ ]){{0,2}}({FULL})",
        may=_may_leave,
    ),
    Form("asked", rf"(?m:^)[>\"“ ]{{0,3}}({FULL}),[ ](?={_ASKED}[ ])", may=re.compile(f",[ ]{_ASKED}[ ]").search),
    Form("initialled", rf"({_INITIALLED})"),
)
BEFORE = (Form("named", _NAMED, True), Form("related", _KIN, True), Form("told", _TOLD))
"""What stands before a name, a blank between; looked at where the word before a capital is one of the last words."""
LABELLED = Form("labelled", _LABEL)
"""What stands before a colon and a name."""
SPEAKING = Form(
    "speaking",
    rf"(?m:^)(?:>[ ]?|\[[^\n\]]{{1,20}}\][ ]|"
    rf"\d{{1,2}}:\d\d(?::\d\d)?[ ](?:[AaPp][Mm][ ])?)?({UPPER}(?:[ ]{UPPER}){{0,2}})"
    r":[ ]?[\"“]?(?=[\p{L}'’]{1,20},?[ ][^\n]{3})",
)
"""A line of a conversation: who speaks, a colon, two words or more."""
BEHIND = Form("doing", _DOES)
"""What stands behind a name, a blank between."""
