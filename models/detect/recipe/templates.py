"""Invented sentences with places for names, in five languages; the generator fills them.

``{P}`` a person, full or surname; ``{G}`` a given name; ``{R}`` a ruler or thinker of old; ``{A}`` an address; ``{T}`` a
town or country; ``{O}`` an organisation; ``{W}`` a title of a work, which may hold a name that is no person's here;
``{L}`` a thing named after somebody; ``{B}`` a species; ``{N}`` a capitalised word that is no name; ``{D}`` a number.
"""

TEMPLATES = {
    "en": """
{P} was born in {T} in {D} and studied at {O}.|The film was directed by {P} and stars {P}, {P} and {P}.|In {D} {P} succeeded {P} as president of {O}.
The album " {W} " was released in {D} by {O}.|{P} won the {N} {N} in {D} ahead of {P} and {P}.|The {N} of {T} was built in {D} by the architect {P}.
According to {P}, the {N} was never finished.|The town of {T} lies near {T} in {T}.|{P} ( born {D} ) is a footballer who plays for {O}.|The novel {W} by {P} appeared in {D}.
King {G} married the daughter of {P}.|{O} announced on {N} that {P} would leave the company.|Please ask {G} from purchasing about part {N} {D}.|The {N} {N} is produced by {O} in {T}.
Dear {G}, please find attached the 8D report for {N} {D}. Regards, {P}|{P} ({O}) called about the {N} delivery.|Shift lead: {P}, operator: {P}, machine {N} {D}.
The {N} party lost {D} seats; {P} became prime minister.|Her brother {G} and her uncle {P} moved to {T}.|Patient {P} lives at {A}.|Deliver to {O}, {A}.|I live at {A}.
He was influenced by {P}, {P} and {P}.|The {N} River flows through {T} and {T}.|{W} is a {D} {N} film.|As {P} said, " {W} ".|{P}'s theory was rejected by {P} 's students.
The {N} was discovered by {P} and {P} in {D}.|{O} was founded by {P} in {T}.|In {D}, {O} moved from {T} to {T}.|With {N} {N}, {O} became the largest company in {T}.|The {N} Museum shows works of {P}.
My name is {P}.|{G} from {T} will replace {G} during the {N} audit.|The {N} Valve and the {N} Pump were replaced in {T}.|John Deere and {O} supply {N}.|Sir {P} defeated {P} at {T}.
They lost the match against {O} on {N} {D}.|{P} and {P} (eds.), {W}, {T} {D}.|{T} is the capital of {T}.|{N} {N} {D} was launched in {T}.
The works of {R} and {R} influenced {R}.|{R} ruled over {T} from {D} to {D}.|{T}, {T} and {T} are districts of {T}.|The {L} is near {T}.|" {B} " and " {B} " are found in {T}.|The single " {W} " reached number {D}; " {W} " followed.|{O} beat {O} at the {L}.|He moved from {O} to {O} in {D}.|In {T}, the {N} of {R} is celebrated.|{P} and his wife {G} visited the {L} in {T}.|The {T} of {W} was filmed in {T}.|{T} borders {T} to the north and {T} to the east.|The {L} flows from {T} to {T}.|The {N} Party and the {N} of {T} met in {T}.""",
    "de": """
{P} wurde {D} in {T} geboren und studierte an der {O}.|Regie führte {P}, in den Hauptrollen sind {P} und {P} zu sehen.|Im Jahr {D} folgte {P} auf {P} als Präsident der {O}.
Das Album „ {W} “ erschien {D} bei {O}.|{P} gewann die {N} vor {P} und {P}.|Die {N} von {T} wurde {D} vom Architekten {P} errichtet.|Nach {P} ist die {N} im {N} des {N} benannt.
Der Ort {T} liegt in der Nähe von {T}.|{P} ( * {D} in {T} ) ist ein Fußballspieler bei {O}.|Der Roman {W} von {P} erschien {D}.|König {G} heiratete die Tochter von {P}.
Die {N} und die {N} wurden im {N} durch den {N} ersetzt.|Bitte wenden Sie sich an {G} aus dem {N}.|Sehr geehrter Herr {P}, anbei der {N} zur {N} {D}. Mit freundlichen Grüßen {P}
Der {N} am {N} ist defekt, die {N} wurde von {P} geprüft.|{P} ({O}) hat wegen der {N} angerufen.|Schichtleiter: {P}, Bediener: {P}, Maschine {N} {D}.|Die {N} der {N} steigt mit dem {N}.
Bei der {N} verlor die {N} {D} {N}; {P} wurde Ministerpräsident.|Ihr Bruder {G} und ihr Onkel {P} zogen nach {T}.|Patient {P}, wohnhaft {A}.|Lieferung an {O}, {A}.|Ich wohne in der {A}.
Er wurde von {P}, {P} und {P} beeinflusst.|Die {N} fließt durch {T} und {T}.|{W} ist ein {N} aus dem Jahr {D}.|Im {N} wird der {N} vom {N} überwacht, bis die {N} erreicht ist.|Herr {P} und Frau {P} prüfen die {N}.
Das {N} wurde {D} von {P} und {P} entdeckt.|Die {O} wurde von {P} in {T} gegründet.|Der {N} von {O} sitzt in {T}.|{G} aus {T} vertritt {G} während des {N}.|Zur {N} gehören {N}, {N} und {N}.
{P} besiegte {P} im {N}.|{T} ist die Hauptstadt von {T}.|Wir berichteten über Ihren Patienten {P}, der sich in der {N} vorstellte.|Mit der {N} kam die {N} nach {T}.|Mein Name ist {P}.|Im {N} {D} siegte {G} in {T}.
Die Schriften von {R} und {R} beeinflussten {R}.|{R} herrschte von {D} bis {D} über {T}.|{T}, {T} und {T} sind Ortsteile von {T}.|Das {L} liegt bei {T}.|„ {B} “ und „ {B} “ kommen in {T} vor.|Die Single „ {W} “ erreichte Platz {D}, „ {W} “ folgte.|{O} schlug {O} mit {D}.|Er wechselte {D} von {O} zu {O}.|In {T} wird der {N} von {R} gefeiert.|Die {N} grenzt an {T} und {T}.|Der {N} wechselte zum Zweitligisten {O}.|Die {L} verbindet {T} mit {T}.|Das {N} der {N} zeigt die {N} in {T}.""",
    "fr": """
{P} est né en {D} à {T} et a étudié à {O}.|Le film est réalisé par {P} avec {P}, {P} et {P}.|En {D}, {P} succède à {P} à la tête de {O}.|L'album " {W} " est sorti en {D} chez {O}.
{P} remporte la {N} devant {P} et {P}.|La {N} de {T} est construite en {D} par l'architecte {P}.|Selon {P}, la {N} n'a jamais existé.|La ville de {T} se situe près de {T}.
{P}, né en {D}, est un footballeur de {O}.|Le roman {W} de {P} paraît en {D}.|Le roi {G} épouse la fille de {P}.|Bonjour {G}, veuillez trouver ci-joint le rapport 8D {N} {D}. Cordialement, {P}
{P} ({O}) a appelé au sujet de la livraison.|Chef d'équipe : {P}, opérateur : {P}, machine {N} {D}.|Le {N} perd {D} sièges ; {P} devient premier ministre.|Son frère {G} et son oncle {P} s'installent à {T}.
Le patient {P} habite {A}.|Livrer à {O}, {A}.|J'habite {A}.|Il fut influencé par {P}, {P} et {P}.|Le {N} traverse {T} et {T}.|{W} est un film de {D}.|D'après {P} et {P}, la {N} date de {D}.
La {N} a été découverte par {P} et {P}.|{O} a été fondée par {P} à {T}.|L'{N} du {N} est située en {T}.|{G} de {T} remplace {G} pendant l'audit {N}.|Monsieur {P} et Mme {P} ont signé.
{P} bat {P} à {T}.|{T} est la capitale de {T}.|Le Conseil {N} et la {N} de {T} ont financé le Musée {N}.|Au {N}, {P} rencontre {P}, élève de {P}.|Je m'appelle {P}.|La vanne {N} {D} fuit.
Les œuvres de {R} et de {R} ont influencé {R}.|{R} régna sur {T} de {D} à {D}.|{T}, {T} et {T} sont des quartiers de {T}.|Le {L} se trouve près de {T}.|" {B} " et " {B} " vivent en {T}.|Le titre " {W} " est suivi par " {W} ".|{O} bat {O} en {D}.|Il passe de {O} à {O} en {D}.|À {T}, la {N} de {R} est célébrée.|{T} est bordée par {T} au nord et par {T} à l'est.|Le lac de {T} et le col du {T} sont fermés.|Les communes de {T}, {T} et Saint-{T} ont fusionné.|Le {N} quitte {T} pour {T}.""",
    "it": """
{P} nacque nel {D} a {T} e studiò presso {O}.|Il film è diretto da {P} con {P}, {P} e {P}.|Nel {D} {P} succedette a {P} alla guida di {O}.|L'album " {W} " è uscito nel {D} per {O}.
{P} vinse la {N} davanti a {P} e {P}.|La {N} di {T} fu costruita nel {D} dall'architetto {P}.|Secondo {P}, la {N} non è mai esistita.|Il comune di {T} si trova vicino a {T}.
{P}, nato nel {D}, è un calciatore del {O}.|Il romanzo {W} di {P} apparve nel {D}.|Il re {G} sposò la figlia di {P}.|Ciao {G}, in allegato il rapporto 8D {N} {D}. Cordiali saluti, {P}
{P} ({O}) ha chiamato per la consegna.|Capoturno: {P}, operatore: {P}, macchina {N} {D}.|Il {N} perse {D} seggi; {P} divenne primo ministro.|Suo fratello {G} e suo zio {P} si trasferirono a {T}.
Il paziente {P} abita in {A}.|Consegnare a {O}, {A}.|Abito in {A}.|Fu influenzato da {P}, {P} e {P}.|Il {N} attraversa {T} e {T}.|{W} è un film del {D}.|Le opere di {G}, {G} e {G} sono perdute.
La {N} fu scoperta da {P} e {P}.|{O} fu fondata da {P} a {T}.|La {N} del {N} si trova in {T}.|{G} di {T} sostituisce {G} durante l'audit {N}.|Il Sig. {P} e la Sig.ra {P} hanno firmato.
{P} sconfisse {P} a {T}.|{T} è la capitale di {T}.|Il Consiglio {N} e la {N} di {T} finanziarono il Museo {N}.|Qui {P} incontrò {P}, allievo di {G}.|Mi chiamo {P}.|Si trovano a {T} i {N} più antichi.
Le opere di {R} e di {R} influenzarono {R}.|{R} regnò su {T} dal {D} al {D}.|{T}, {T} e {T} sono frazioni di {T}.|Il {L} si trova presso {T}.|" {B} " e " {B} " vivono in {T}.|Il singolo " {W} " precede " {W} ".|{O} batte {O} nel {D}.|Passa da {O} a {O} nel {D}.|A {T} si celebra la {N} di {R}.|Confina a nord con {T}, a est con {T}, a sud con {T} e a ovest con {T}.|Il fiume {T} scorre nella valle {T} fino a {T}.|Il massiccio del {T} e le coste della {T} furono visitati da {R}.|Castel {T} e Borgo {T} appartengono a {T}.|Nel {N} la {N} passò a {T}.|Discepolo di {R}, visse ad {T}.""",
    "es": """
{P} nació en {D} en {T} y estudió en {O}.|La película está dirigida por {P} con {P}, {P} y {P}.|En {D} {P} sucedió a {P} al frente de {O}.|El álbum " {W} " salió en {D} con {O}.
{P} ganó la {N} por delante de {P} y {P}.|La {N} de {T} fue construida en {D} por el arquitecto {P}.|Según {P}, la {N} nunca existió.|La ciudad de {T} está cerca de {T}.
{P}, nacido en {D}, es un futbolista del {O}.|La novela {W} de {P} apareció en {D}.|El rey {G} se casó con la hija de {P}.|Hola {G}, adjunto el informe 8D {N} {D}. Saludos, {P}
{P} ({O}) llamó por la entrega.|Jefe de turno: {P}, operario: {P}, máquina {N} {D}.|El {N} perdió {D} escaños; {P} fue primer ministro.|Su hermano {G} y su tío {P} se mudaron a {T}.
El paciente {P} vive en {A}.|Entregar a {O}, {A}.|Vivo en {A}.|Fue influido por {P}, {P} y {P}.|El {N} cruza {T} y {T}.|{W} es una película de {D}.|Las obras de {G} y {G} se perdieron.
La {N} fue descubierta por {P} y {P}.|{O} fue fundada por {P} en {T}.|La {N} del {N} está en {T}.|{G} de {T} sustituye a {G} durante la auditoría {N}.|El Sr. {P} y la Sra. {P} firmaron.
{P} derrotó a {P} en {T}.|{T} es la capital de {T}.|El Consejo {N} y la {N} de {T} financiaron el Museo {N}.|Allí {P} conoció a {P}, discípulo de {G}.|Me llamo {P}.|Se encuentran en {T} los {N} más antiguos.
Las obras de {R} y de {R} influyeron en {R}.|{R} reinó en {T} de {D} a {D}.|{T}, {T} y {T} son barrios de {T}.|El {L} está cerca de {T}.|" {B} " y " {B} " viven en {T}.|El sencillo " {W} " precede a " {W} ".|{O} vence a {O} en {D}.|Pasó de {O} a {O} en {D}.|En {T} se celebra la {N} de {R}.|Limita al norte con {T}, al este con {T} y al sur con {T}.|El río {T} cruza el valle de {T}.|La {N} de {T} pasó a {T}.""",
}
