"""Ethnic origin, sex life and orientation, biometric and genetic data (GDPR Art. 9), crime (Art. 10)."""

ETHNIC_STRONG = """
ethnic origin|ethnic background|ethnicity|racial origin|is of african descent|is of turkish descent|
is of asian descent|is of jewish descent|african american?|afro-american?|person of colour|person of color|
people of colour|people of color|roma origin|is a gypsy|skin colour: *|skin color: *|hispanic or latino|
native american descent|immigrant background|ethnische herkunft|ethnische zugehörigkeit|rassische herkunft|
migrationshintergrund|türkischstämmig*|türkischer herkunft|afrikanischer herkunft|arabischer herkunft|
sinti und roma|dunkelhäutig*|farbige* kolleg*|spätaussiedler*|origine ethnique|origines ethniques|origine raciale|
d'origine maghrébine|d'origine africaine|d'origine arabe|issu* de l'immigration|couleur de peau|origine etnica|
origine razziale|di origine africana|di origine araba|di origine rom|origen étnico|origen racial|de origen gitano|
de etnia gitana|etnia gitana|de origen africano|de raza negra|民族的出自|人種|在日韓国人|在日朝鮮人|アイヌ民族|
部落出身|被差別部落|肌の色|日系ブラジル人|民族的背景|少数民族|维吾尔族|藏族|回族|蒙古族|壮族|满族|苗族|彝族|土家族|
朝鲜族|哈萨克族|民族:|民族成分|种族|肤色
"""

ETHNIC_WEAK = """
ethnic|racial|hispanic|black man|black woman|immigrant?|migrant?|ethnisch*|migrant*|abstammung|ethnique?|maghrébin*|
immigré*|etnic*|etnia|immigrat*|étnic*|gitan*|inmigrante?|民族|移民|外国人労働者|国籍|汉族|籍贯
"""

SEX_STRONG = """
已经出柜|他出柜|她出柜|向家人出柜|カミングアウト|
sexual orientation|homosexual*|bisexual*|transgender*|transsexual*|is gay|is lesbian|came out as|coming out as|
lesbian?|lgbt*|non-binary person|gender reassignment|sex change|sex life|extramarital affair|erectile dysfunction|
same-sex partner|same-sex marriage|sexuelle orientierung|sexuelle ausrichtung|homosexuell*|bisexuell*|transsexuell*|
ist schwul|ist lesbisch|lesbisch*|schwule*|geschlechtsangleichung|geschlechtsumwandlung|sexualleben|outing als|
orientation sexuelle|homosexuel*|bisexuel*|transgenre?|transsexuel*|est gay|est lesbienne|lesbienne?|
changement de sexe|vie sexuelle|orientamento sessuale|omosessual*|bisessual*|transessual*|è gay|è lesbica|lesbica|
lesbiche|cambio di sesso|vita sessuale|orientación sexual|transexual*|transgénero|es gay|es lesbiana|lesbiana?|
cambio de sexo|vida sexual|性的指向|同性愛|同性愛者|両性愛|バイセクシュアル|トランスジェンダー|性同一性障害|
レズビアン|ゲイで|性的マイノリティ|性転換|性生活|性自認|性取向|同性恋|双性恋|变性人|跨性别|变性手术|男同性恋|
女同性恋|同志身份|gleichgeschlechtlich*|公开出柜
"""

SEX_WEAK = """
gay|queer|sexual|intimate relationship|affair with|schwul|sexuell*|sexuel*|sessual*|sexual*|不倫|婚外情
"""

BIOMETRIC_STRONG = """
biometric data|biometric template?|fingerprint scan?|fingerprint template?|fingerprint record?|iris scan?|
retina scan?|facial recognition template?|face template?|faceprint?|voiceprint?|palm vein|his fingerprint?|
her fingerprint?|their fingerprint?|employee fingerprint?|biometrische daten|biometrische* merkmal*|fingerabdrücke*|
iris-scan|iriserkennung|netzhautscan|gesichtserkennungsdaten|stimmprofil|handvenenscan|données biométriques|
empreintes digitales|reconnaissance de l'iris|gabarit facial|empreinte vocale|dati biometrici|impronte digitali|
scansione dell'iride|impronta vocale|datos biométricos|huellas dactilares|huella dactilar|escaneo de iris|
huella de voz|生体情報|生体認証データ|指紋データ|指紋情報|虹彩認証|虹彩データ|顔認証データ|静脈認証|声紋|指紋を登録|
生物特征|生物识别信息|指纹信息|指纹数据|虹膜信息|虹膜扫描|人脸数据|人脸信息|人脸识别数据|声纹|掌纹
"""

BIOMETRIC_WEAK = """
biometric*|fingerprints|facial recognition|iris recognition|face recognition|biometrisch*|fingerabdruck*|
gesichtserkennung|biométrique?|empreinte digitale|reconnaissance faciale|impronta digitale|riconoscimento facciale|
biométric*|reconocimiento facial|生体認証|指紋|顔認証|虹彩|指纹|人脸识别|虹膜|面部识别
"""

GENETIC_STRONG = """
genetic data|genetic test*|genetic disorder?|dna test|dna sample?|dna profile?|genome sequencing|brca1|brca2|
hereditary disease?|carrier of the gene|genetic predisposition|paternity test|genetische daten|gentest*|dna-analyse|
dna-test|dna-probe*|erbkrankheit*|genetische veranlagung|vaterschaftstest*|données génétiques|test génétique|
tests génétiques|test adn|analyse adn|maladie génétique|maladie héréditaire|test de paternité|dati genetici|
test genetic*|test del dna|malattia genetica|malattia ereditaria|test di paternità|datos genéticos|prueba genética|
prueba de adn|test genético|enfermedad genética|enfermedad hereditaria|prueba de paternidad|遺伝子検査|遺伝情報|
遺伝子情報|dna鑑定|dna検査|遺伝性疾患|ゲノム情報|親子鑑定|基因检测|遗传信息|基因信息|基因数据|dna检测|dna鉴定|
遗传病|亲子鉴定
"""

GENETIC_WEAK = """
dna|genome?|hereditary|erbgut|erblich*|adn|héréditaire?|ereditari*|hereditari*
"""

CRIME_STRONG = """
criminal record?|criminal conviction?|convicted of|was convicted|previous conviction?|sentenced to|prison sentence|
on parole|arrested for|charged with theft|charged with fraud|drink-driving conviction|ex-convict?|sex offender?|
criminal background check|police clearance|criminal charges|vorbestraft*|vorstrafe*|führungszeugnis*|
verurteilt wegen|wurde verurteilt|freiheitsstrafe*|haftstrafe*|bewährungsstrafe*|auf bewährung|strafregister*|
strafverfahren gegen|ermittlungsverfahren gegen|festgenommen wegen|inhaftiert|casier judiciaire|condamné* pour|
condamné* à|peine de prison|prison avec sursis|antécédents judiciaires|incarcéré*|mis* en examen|garde à vue|
casellario giudiziale|precedenti penali|condannat* per|condannat* a|fedina penale|pena detentiva|carichi pendenti|
agli arresti|detenut*|antecedentes penales|condenad* por|condenad* a|pena de prisión|libertad condicional|
encarcelad*|ficha policial|前科|犯罪歴|犯罪経歴|逮捕歴|有罪判決|懲役|執行猶予|刑務所に|逮捕された|禁錮|書類送検|
犯罪记录|无犯罪记录|有期徒刑|判刑|被判处|服刑|刑满释放|缓刑|拘留|刑事处罚|被逮捕|吸毒史
"""

CRIME_WEAK = """
conviction?|prison|jail|arrested|theft charge|fraud charge|felony|misdemeanor|offender|police investigation|
verurteilt|gefängnis|straftat*|diebstahl|verhaftet|ermittlungsverfahren|anzeige wegen|condamnation?|arrêté pour|
délit|plainte contre|condanna|prigione|carcere|arrestat*|reato|denuncia|condena|prisión|cárcel|delito|犯罪|逮捕|
刑務所|有罪|起訴|窃盗|监狱|起诉|盗窃|服役
"""
