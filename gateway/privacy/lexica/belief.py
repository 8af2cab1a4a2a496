"""Religious and philosophical beliefs, political opinions, union membership (GDPR Art. 9)."""

RELIGION_STRONG = """
做礼拜|
is a muslim|is muslim|is jewish|is a jew|is a christian|is a catholic|is catholic|is a buddhist|is a hindu|
is an atheist|devout *|converted to islam|converted to christianity|converted to judaism|practising muslim|
practicing muslim|practising catholic|practicing catholic|jehovah's witness*|religious affiliation|
religious belief?|religion: *|fasting during ramadan|observes ramadan|prayer room|bar mitzvah|his faith|her faith|
church member*|scientologist|ist muslim*|ist jude|ist jüdin|ist katholisch|ist evangelisch|römisch-katholisch|
evangelisch-lutherisch|konfession*|religionszugehörigkeit|glaubensbekenntnis|zeugen jehovas|konvertierte zum|
kirchensteuer*|kirchenmitglied*|kirchenaustritt|gläubige* muslim*|gläubige* christ*|est musulman*|est juif|
est juive|est catholique|de confession *|religion : *|témoin de jéhovah|témoins de jéhovah|pratique le ramadan|
croyances religieuses|conviction? religieuse?|converti* à l'islam|è musulman*|è ebre*|è cattolic*|
testimone di geova|testimoni di geova|fede religiosa|confessione religiosa|credo religioso|convertit* all'islam|
es musulm*|es judí*|es católic*|testigo? de jehová|creencias religiosas|confesión religiosa|convertid* al islam|
信仰する|信仰して|信者|信徒|創価学会|キリスト教徒|イスラム教徒|仏教徒|エホバの証人|入信|宗教団体に所属|宗教上の理由|
天理教|ムスリム|信教|宗教信仰|信佛|信基督|信伊斯兰|穆斯林|基督徒|天主教徒|佛教徒|法轮功|皈依|受洗|回族礼拜|教徒
"""

RELIGION_WEAK = """
muslim?|jewish|christian faith|catholic?|protestant?|buddhist?|hindu?|sikh?|atheist?|islam|judaism|christianity|
buddhism|hinduism|mosque|synagogue|church|ramadan|baptised|baptized|prayer?|religion|religious|halal|kosher|muslim*|
jude|juden|jüdisch*|katholisch*|evangelisch*|protestantisch*|buddhist*|atheist*|judentum|christentum|moschee|
synagoge|kirche|getauft|religiös*|musulman*|juif*|juive*|catholique?|protestant*|bouddhiste?|athée?|judaïsme|
mosquée|église|baptisé*|prière?|religieu*|ebre*|cattolic*|buddist*|ateo|atea|moschea|sinagoga|chiesa|battezzat*|
preghier*|religione|religios*|judí*|católic*|budista?|mezquita|iglesia|bautizad*|religión|宗教|教会|礼拝|イスラム教|
キリスト教|仏教|神道|モスク|ラマダン|信仰|祈り|礼拜|伊斯兰教|基督教|佛教|道教|天主教|清真寺|斋月|祈祷|寺庙|洗礼|
gebete|christian
"""

POLITICS_STRONG = """
投票给|参加抗议|参加了抗议|抗议游行|
political opinion?|political view?|political affiliation|political party member*|party member*|
member of the communist party|member of the labour party|member of the conservative party|registered democrat|
registered republican|is a communist|is a socialist|anarchist|political activist|far-right activist|
left-wing activist|party membership|politische meinung*|politische einstellung*|politische überzeugung*|
parteimitglied*|parteizugehörigkeit|parteibuch|mitglied der spd|mitglied der cdu|mitglied der csu|mitglied der afd|
mitglied der grünen|mitglied der linken|mitglied der fdp|ist afd-*|opinion? politique?|appartenance politique|
adhérent* au parti|membre du parti|encarté* au|militant* du parti|opinion* politic*|appartenenza politica|
iscritt* al partito|tesserat* del partito|militante del partito|opinion* política?|afiliación política|
afiliad* al partido|militante del partido|militante de *|党員|支持政党|政治的信条|政治的見解|政治信条|共産党員|
自民党員|入党|政治活動に参加|党员|中共党员|共产党员|预备党员|民主党派|政治面貌|共青团员|政治立场|政治观点|异见人士|
上访
"""

POLITICS_WEAK = """
political|politics|party conference|election campaign|left-wing|right-wing|communist?|socialist?|conservative party|
labour party|democrats|republicans|activist?|protest march|demonstration against|politisch*|partei|spd|cdu|csu|afd|
fdp|die grünen|die linke|wahlkampf|linksextrem*|rechtsextrem*|aktivist*|demonstration gegen|politique?|
parti socialiste|rassemblement national|les républicains|extrême droite|extrême gauche|militant*|
manifestation contre|politic*|partito democratico|fratelli d'italia|lega nord|movimento 5 stelle|estrema destra|
estrema sinistra|attivist*|polític*|partido popular|psoe|extrema derecha|extrema izquierda|activista?|政党|自民党|
共産党|立憲民主党|公明党|政治活動|選挙運動|左翼|右翼|デモに参加|共产党|国民党|政治|示威|抗议活动|左派|右派|选举
"""

UNION_STRONG = """
trade union|trade-union|trade unionist?|labor union|labour union|union member?|union membership|union dues|
union representative?|union rep|shop steward?|works council member?|joined the union|on strike|strike participation|
strike leader?|uaw member?|unionized|unionised|gewerkschaft*|gewerkschaftsmitglied*|ig-metall-mitglied*|
mitglied der ig metall|mitglied bei ver.di|betriebsratsmitglied*|vertrauensmann der|streikteilnahme|
streikteilnehmer*|in der gewerkschaft|syndicat ouvrier|syndiqué*|délégué* syndical*|membre du syndicat|
membre de la cgt|membre de la cfdt|adhérent* cgt|adhérent* à la cgt|appartenance syndicale|en grève|gréviste?|
représentant* syndical*|cotisation syndicale|iscritt* al sindacato|iscritt* alla cgil|iscritt* alla fiom|
sindacalista|sindacalisti|delegat* sindacale|rappresentante sindacale|tessera sindacale|in sciopero|
appartenenza sindacale|rsu fiom|afiliad* al sindicato|afiliación sindical|sindicalista?|delegad* sindical*|
representante sindical|miembro del sindicato|afiliad* a ccoo|afiliad* a ugt|en huelga|cuota sindical|労働組合|
組合員|労組|組合費|組合活動|ストライキ参加|労組委員長|加入工会|加入了工会|参加工会|参加了工会|工会会员|工会成员|工会主席|工会代表|入会工会|参加罢工|罢工者|
工会活动|会费代扣
"""

UNION_WEAK = """
union|strike|collective bargaining|works council|picket line|ig metall|ver.di|streik*|betriebsrat*|
tarifverhandlung*|warnstreik*|syndicat*|grève|cgt|cfdt|négociation collective|sindacat*|sciopero|cgil|cisl|uil|fiom|
contrattazione collettiva|sindicat*|huelga|ccoo|ugt|negociación colectiva|ストライキ|春闘|団体交渉|工会|罢工|
集体谈判
"""
