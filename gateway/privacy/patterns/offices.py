"""Where number plates come from: German districts, Spanish provinces, Japanese offices, Chinese provinces.

Tables of public knowledge: Unterscheidungszeichen (Anlage 1 FZV, with those brought back since 2012), provincial codes
of the Spanish system before 2000, names of the transport offices on Japanese plates (地名表示, with the ご当地 ones),
one-character names of the Chinese provinces (GA 36-2018).
"""

from __future__ import annotations

from typing import Final

GERMAN_DISTRICTS: Final = frozenset(
    """
    A AA AB ABG ABI AC AE AH AIB AIC AK ALF ALZ AM AN ANA ANG ANK AP APD ARN ART AS ASL ASZ AT AU AUR AW AZ AZE B BA
    BAD BAR BB BBG BBL BC BCH BD BE BED BEI BEL BER BF BGD BGL BH BI BID BIN BIR BIT BIW BK BKS BL BLB BLK BM BN BNA
    BO BOG BOH BOR BOT BP BRA BRB BRG BRI BRK BRL BRV BS BSB BSK BT BTF BUD BUL BUR BUZ BW BWL BYL BZ BZA C CA CAS
    CB CE CHA CLP CLZ CO COC COE CR CUX CW D DA DAH DAN DAU DBR DD DE DEG DEL DGF DH DI DIL DIN DIZ DKB DL DLG DM DN
    DO DON DS DU DUD DW DZ E EA EB EBE EBN EBS ECK ED EE EF EG EH EI EIC EIL EIN EIS EL EM EMD EMS EN ER ERB ERH ERK
    ERZ ES ESB ESW EU EUT EW F FB FD FDB FDS FEU FF FFB FG FH FI FKB FL FLO FN FO FOR FR FRG FRI FRW FS FT FTL FW FZ
    G GA GAN GAP GC GD GDB GE GEL GEM GEO GER GF GG GHA GHC GI GK GL GLA GM GMN GN GNT GO GOA GOH GP GR GRA GRH GRI
    GRM GRS GRZ GS GT GTH GUB GUN GV GVM GW GZ H HA HAB HAL HAM HAS HB HBN HBS HC HCH HD HDH HDL HE HEB HEF HEI HEL
    HER HET HF HG HGN HGW HH HHM HI HIG HIP HK HL HM HMU HN HO HOG HOH HOL HOM HOR HOT HP HR HRO HS HSK HST HU HUN
    HUS HV HVL HWI HX HY HZ IGB IK IL ILL IN IS IZ J JE JL JUL K KA KB KC KE KEH KEL KEM KF KG KH KI KIB KK KL KLE
    KLZ KM KN KO KR KRU KS KT KU KUS KW KY KYF L LA LAN LAU LB LBS LBZ LC LD LDK LDS LEO LER LEV LF LG LH LI LIB LIF
    LIP LL LM LN LOS LP LR LRO LSA LSN LSZ LU LUK LUN LUP LWL M MA MAB MAI MAK MAL MAR MB MC MD ME MED MEG MEI MEK
    MEL MER MET MG MGH MGN MH MHL MI MIL MK MKK ML MM MN MO MOD MOL MON MOS MQ MR MS MSE MSH MSP MST MTK MTL MUC MVL
    MW MY MYK MZ MZG N NAB NAI NAU NB ND NDH NE NEA NEB NEC NEN NES NEU NEW NF NH NI NK NL NM NMB NMS NOH NOL NOM
    NOR NP NR NRW NRÜ NT NU NVP NW NWM NY NZ OA OAL OB OBB OBG OC OCH OD OE OF OG OH OHA OHV OHZ OK OL OP OPR OS OSL
    OTW OVI OVL OVP OZ ÖHR P PA PAF PAN PAR PB PCH PE PEG PF PI PIR PK PL PLÖ PM PN PR PRÜ PS PW PZ QFT QLB R RA RC
    RD RDG RE REG REH REI RG RH RI RID RIE RL RM RN RO ROD ROF ROH ROK ROL ROS ROT ROW RP RPL RS RSL RT RU RV RW RY
    RZ RÜD RÜG S SAB SAD SAL SAN SAW SB SBG SBK SC SCZ SDH SDL SDT SE SEB SEE SEF SEL SFB SFT SG SGH SH SHA SHG SHK
    SHL SI SIG SIM SK SL SLE SLF SLG SLK SLN SLS SLZ SLÜ SM SMÜ SN SO SOB SOG SOK SOL SON SP SPB SPN SR SRB SRO ST
    STA STB STD STE STH STL STO SU SUL SW SWA SY SZ SZB SÄK SÖM SÜW TBB TDO TE TET TF TG THL THW TIR TO TÖL TP TR TS
    TT TUT TÜ UE UEM UFF UH UL UM UN USI V VAI VB VEC VER VG VIB VIE VIT VK VL VOF VOH VR VS W WA WAF WAK WAN WAR
    WAT WB WBS WDA WE WEB WEG WEL WEM WEN WER WES WF WG WHV WI WIL WIS WIT WIV WIZ WK WL WLG WM WMS WN WND WO WOB
    WOH WOL WOR WOS WR WRN WS WSF WSM WST WSW WT WTL WTM WUG WUN WUR WW WZ WZL WÜ WÜM X Y Z ZE ZEL ZI ZIG ZP ZR ZW
    ZZ BÖ BÜD BÜR BÜS BÜZ DÜW FDÜ FÜ FÜS GÖ GRÜ GÜ GÜN HMÜ HÖS HÜN KÖN KÖT KÖZ KÜN LÖ LÖB LÜD LÜN MÜ MÜB MÜL MÜR NÖ
    NÜ
    """.split()
) - {"X", "NRÜ", "FDÜ"}  # fmt: skip

SPANISH_PROVINCES: Final = frozenset(
    """A AB AL AV B BA BI BU C CA CC CE CO CR CS CU GC GE GI GR GU H HU IB J L LE LO LU M MA ML MU NA O OR OU P PM
    PO S SA SE SG SH SO SS T TE TF TO V VA VI Z ZA""".split()
)

JAPANESE_OFFICES: Final = frozenset(
    """札幌 函館 旭川 室蘭 苫小牧 釧路 知床 帯広 十勝 北見 青森 弘前 八戸 岩手 盛岡 平泉 宮城 仙台 秋田 山形 庄内
    福島 会津 郡山 白河 いわき 水戸 土浦 つくば 宇都宮 那須 とちぎ 日光 群馬 前橋 高崎 大宮 川口 所沢 川越 熊谷
    春日部 越谷 千葉 成田 習志野 市川 船橋 袖ヶ浦 袖ケ浦 市原 野田 柏 松戸 品川 世田谷 練馬 杉並 板橋 足立 江東 葛飾
    江戸川 八王子 多摩 横浜 川崎 湘南 相模 山梨 富士山 新潟 長岡 上越 長野 松本 諏訪 安曇野 南信州 飯田 富山 石川
    金沢 福井 岐阜 飛騨 静岡 浜松 沼津 伊豆 名古屋 豊橋 三河 岡崎 豊田 尾張小牧 一宮 春日井 三重 鈴鹿 四日市
    伊勢志摩 滋賀 京都 大阪 なにわ 和泉 堺 神戸 姫路 奈良 飛鳥 和歌山 鳥取 島根 出雲 岡山 倉敷 広島 福山 山口 下関
    徳島 香川 高松 愛媛 高知 福岡 北九州 久留米 筑豊 佐賀 長崎 佐世保 熊本 大分 宮崎 鹿児島 奄美 沖縄 宮古 八重山
    相模原 船橋 江戸川 深谷""".split()
)

CHINESE_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
