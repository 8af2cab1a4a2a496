"""What is said before a place where somebody lives, comes from, stays or goes, in seven languages: expressions.

:data:`SURELY` is said of people alone; :data:`MOVING` of goods and machines, too.
"""

from __future__ import annotations

SURELY = (
    r"(?:[Ll]iv(?:es?|ed|ing)|[Rr]esid(?:es?|ed|ing)|[Bb]orn(?:[ ]and[ ]raised)?|[Rr]aised|[Gg]r(?:ew|ow|own|"
    r"owing)[ ]up|"
    r"[Ss]ettled|[Rr]etired)[ ](?:(?:now|here|alone|currently|together|back|outside)[ ])?(?:in|near|at|outside)|"
    r"(?:[Oo]riginally|[Hh]ails?|(?:native|resident|citizen|mayor)s?)[ ](?:from|of)|[Hh]ome[ ]?(?:town|city|"
    r"country)(?:[ ](?:of|is|in))?|"
    r"(?:flew|fly|flies|flying|flown|travel(?:s|l?ed|l?ing)?)[ ](?:back[ ])?(?:to|from|through|around)|"
    r"(?:[Mm]oved|[Mm]oving|[Rr]elocat(?:ed|ing))[ ](?:here|there|over|back|away)[ ](?:from|to)|"
    r"\b(?:I|[Ss]he|[Hh]e|[Tt]hey|[Ww]e)(?:[ ]am|'m|[ ]is|'s|[ ]are|'re|[ ]was|[ ]were)[ ](?:(?:currently|now|still|"
    r"back|all)[ ])?(?:in|from)|"
    r"[Ww]ohn(?:t|e|en|haft|te)[ ](?:(?:jetzt|seit[ ]\d+|derzeit)[ ])?(?:in|bei)|[Ll]eb(?:t|e|en|te)[ ](?:(?:jetzt|"
    r"derzeit)[ ])?in|"
    r"[Gg]eboren[ ]in|[Aa]ufgewachsen[ ]in|[Ss]tamm(?:t|e|en|te)[ ]aus|(?:[Ii]ch|[Ee]r|[Ss]ie)[ ]komm(?:e|t)[ ]aus|"
    r"gebürtig[ ]aus|"
    r"[Hh]abit(?:e|es|ent|ant|ait)[ ](?:à|en|au|aux)|(?:[Jj]e[ ]vis|vit|vivent|demeure|réside|domiciliée?)[ ](?:à|en|"
    r"au|aux)|[Nn]ée?[ ](?:à|en|au)|"
    r"[Oo]riginaire[ ](?:de|du|d')|"
    r"[Aa]bit(?:a|o|ano|iamo)[ ](?:a|in|ad)|[Rr]isied(?:e|o|ono)[ ](?:a|in)|[Nn]at[oa][ ](?:a|in|ad)|"
    r"[Rr]esidente[ ](?:a|in|en)|[Dd]omiciliat[oa][ ](?:a|in)|"
    r"[Oo]riginari[oa][ ](?:di|de)|(?:[Vv]ivo|[Vv]ive|[Vv]ivono)[ ](?:a|in|en)|"
    r"[Vv]iv(?:e|o|en|imos|ía)[ ]en|[Rr]esid(?:e|o|en)[ ]en|[Nn]acid[oa][ ]en|[Nn]ació[ ]en|[Dd]omiciliad[oa][ ]en|"
    r"[Nn]atural[ ]de|[Oo]riund[oa][ ]de|"
    r"[Pp]rocedente[ ]de"
)
MOVING = (
    r"(?:moved?|moving|relocat(?:e|ed|ing)|return(?:s|ed|ing)?|went|go|goes|going|gone|came|come|comes|coming|drove|"
    r"drive|"
    r"driving|head(?:s|ed|ing)?|arriv(?:e|es|ed|ing)|back|home|stay(?:s|ed|ing)?|stuck|stranded|stationed|"
    r"vacation(?:ed|ing)?|visit|deported|sent|"
    r"extradited|ship(?:ped)?[ ](?:it|this|them|the[ ]\w+|my[ ]\w+)|deliver(?:ed)?[ ](?:it|this|them|my[ ]\w+)|"
    r"weather|been)[ ](?:back[ ])?(?:to|from|in|at|for)|"
    r"arriv(?:ed|es|ing)[ ](?:here[ ]|there[ ])?(?:[a-z]+[ ](?:morning|evening|week|night|month)[ ])?from|visit(?:ed|"
    r"ing|s)?|"
    r"(?:trip|flight|ticket|train|bus|taxi|ferry|drive|way|tour|journey|vacation|holidays?|honeymoon|visit|"
    r"conference|wedding)[ ](?:to|from|in|for|around)|"
    r"(?:apartment|flat|house|home|room|place|hotel|hostel|villa|cottage|condo|studio|hometown|family|parents|"
    r"relatives|friends?|addresse?s?)[ ](?:is[ ])?(?:in|near|from)|"
    r"(?:customer|client|caller|user|student|guy|girl|man|woman|patient|teacher|lady|gentleman|tourist|neighbou?r|"
    r"immigrant|refugee)s?[ ](?:from|in)|"
    r"based[ ]in|[Uu]niversity[ ]of|"
    r"(?:umgezogen|gezogen|ziehe|zieht|fliege|flog|fliegt|geflogen|reise|reist|reiste|gereist|[Rr]eise|[Ff]lug|"
    r"[Uu]rlaub|[Aa]usflug|[Dd]ienstreise|"
    r"[Gg]eschäftsreise)[ ](?:nach|in|aus|von)|(?:[Bb]esuch|[Ww]ohnung|[Hh]aus|[Hh]otel|[Zz]immer|"
    r"[Ff]amilie)[ ](?:in|bei|aus)|"
    r"(?:Kund(?:e|in)|Patient(?:in)?|Student(?:in)?|Freund(?:in)?|Nachbar(?:in)?|Bewerber(?:in)?)[ ](?:aus|in)|"
    r"(?:déménag\w+|parti[es]*|retourn\w+|arrivée?s?|vol|voyag\w+|vacances|séjour\w*|train)[ ](?:à|pour|en|au|aux|"
    r"de)|"
    r"(?:appartement|maison|hôtel|chambre|famille|cliente?|patiente?|étudiante?)[ ](?:à|en|au|de|du)|(?:viens|"
    r"vient)[ ](?:de|du)|"
    r"(?:trasferit\w+|tornat\w+|arrivat\w+|andat\w+|volo|viaggi\w*|vacanz\w+|treno)[ ](?:a|ad|in|per|da|di)|"
    r"(?:appartamento|casa|albergo|famiglia|cliente|paziente|studente(?:ssa)?)[ ](?:a|in|di|da)|(?:vengo|"
    r"viene)[ ](?:da|dal|dalla)|"
    r"(?:mud(?:ó|é|ado|arse|ar|amos)|viaj\w+|volv\w+|regres\w+|lleg\w+|vuelo|vacaciones|tren)[ ](?:a|en|de|desde|"
    r"para)|"
    r"(?:piso|casa|apartamento|hotel|habitación|familia|cliente|paciente|estudiante)[ ](?:en|de)|(?:vengo|viene|"
    r"soy)[ ]de"
)

_JA_TOWN = "東京|大阪|京都|名古屋|横浜|神戸|福岡|札幌|仙台|広島|静岡|浜松|豊田|千葉|埼玉|沖縄|北海道"
JAPANESE = (
    rf"(?:[一-鿿]{{2,3}}[都道府県])?[一-鿿ヶケ]{{1,5}}[市区町村]|[一-鿿]{{2,3}}[都道府県]|{_JA_TOWN}|[ァ-ヺー]{{3,10}}"
)
BEHIND_JAPANESE = (
    "(?:に(?:在)?住|在住|出身|の出身|生まれ|で生まれ|育ち|で育|[にへ](?:引っ越|旅行|帰省|里帰り)|に滞在|の(?:実家|自宅|アパート)|"
    "[市都県]内(?:に住|在住))"
)
_ZH_TOWN = (
    "北京|上海|天津|重庆|广州|深圳|杭州|南京|武汉|成都|西安|苏州|长沙|青岛|大连|沈阳|长春|哈尔滨|香港|澳门|台湾|德国|法国|日本|美国|英国|"
    "意大利|西班牙|加拿大|澳大利亚|韩国|新加坡"
)
CHINESE = (
    r"(?:(?:住在|家住|现居|定居(?:在|于)?|出生(?:于|在)|生于|搬(?:到|去|家到)|老家(?:是|在)|籍贯[:：]?|户籍[:：]?)|来自(?=[一-鿿]{2,9}的(?:客户|用户|先生|女士|"
    r"朋友|同学|学生)))"
    rf"((?:{_ZH_TOWN})(?:市|省)?(?:[一-鿿]{{1,4}}[区县镇])?|[一-鿿]{{2,4}}(?:省|市|自治区|县)(?:[一-鿿]{{1,5}}[市区县镇])?)"
)
