"""Makers of contacts, names and addresses. All people, streets and hosts are invented here."""

# ruff: noqa: E501 - lists of names are as wide as they are

from __future__ import annotations

from random import Random

import phonenumbers

from invented.ids import birth, digits, letters

_PHONES = {
    "de": ["+49 841 #######", "0841 / 89-#####", "+49 (0)89 ########", "0171 #######", "+49-151-########"],
    "fr": ["01 ## ## ## ##", "06 ## ## ## ##", "+33 1 ## ## ## ##", "+33 6########"],
    "it": ["02 ########", "+39 02 ########", "+39 347 #######", "335 #######"],
    "es": ["91# ### ###", "+34 93# ## ## ##", "6## ### ###", "+34 6########"],
    "ja": ["03-####-####", "045-###-####", "090-####-####", "+81 90 #### ####", "+81-3-####-####", "080########"],
    "zh": ["138########", "+86 139 #### ####", "021-########", "+86-10-########", "186 #### ####"],
    "gb": ["020 7### ####", "+44 20 7### ####", "07700 ######", "+44 7911 ######"],
    "us": ["(312) ###-####", "+1 248-###-####", "313-###-####"],
    "ch": ["044 ### ## ##", "+41 79 ### ## ##"],
    "at": ["+43 1 #######", "0664 #######"],
}
_REGIONS = {"ja": "JP", "zh": "CN"}

_PEOPLE = {
    "en": ("Harriet Gordon Maureen Trevor Nadia Callum", "Whitlock Ashdown Prentice Okafor Lindqvist Marlowe"),
    "de": ("Annegret Lothar Svenja Detlef Mareike Jürgen", "Brückner Hollerbach Wiesinger Pfaff Öztürk Kammerl"),
    "fr": ("Solène Thibault Mireille Gaëtan Odile Yannick", "Marchetaux Delcourt Roussin Bélanger Vasseur Khelifi"),
    "it": ("Ornella Fabrizio Loredana Tiziano Ginevra Ivano", "Bortolan Ceruti Malaspina Zanetti Fumagalli Sgarbi"),
    "es": ("Remedios Gonzalo Itziar Eusebio Marisol Álvaro", "Echevarría Villalobos Quiroga Montañés Peral Zubiri"),
}
_JA = ("佐野 倉田 森川 大槻 三宅 早川 真鍋 長谷部", "裕樹 美咲 健一 沙織 直人 千尋 恵 隆")
_ZH = (
    "梁 沈 郝 欧阳 蒋 谭 柳 秦 王 李 张 刘 陈 杨 黄 赵 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 宋 郑 韩 唐 冯 于 董 萧 程 曹 袁 邓 许 傅 曾 彭 吕 苏 卢 "
    "贾 丁 魏 薛 叶 阎 余 潘 杜 戴 夏 钟 汪 田 任 姜 范 方 石 姚 廖 邹 熊 金 陆 孔 白 崔 康 毛 邱 江 史 顾 侯 邵 孟 龙 万 段 雷 钱 汤 尹 黎 易 常 武 乔 贺 赖 龚 文 司马 上官 诸葛 慕容",
    "文博 雪梅 志强 丽 建国 思远 宇 海燕 明轩 佳怡 晓东 春华 国栋 婷 静 伟 秀兰 子涵 浩然 梓萱 一鸣 俊杰 玉珍 立新 晨曦 永康 欣然 锦程 若兰 振华 洁 "
    "红军 爱民 云飞 书瑶 天佑 雨桐 少华 慧敏 长青 艳 宏伟 树林 琳 凯 诗琪 鹏飞 敏 光耀 淑芬 卫东 嘉豪 冬梅 亦凡 学礼 桂英 泽宇 小红 德胜 沛霖",
)

_STREETS = {
    "en": ("{n} Foundry Lane", "{n} Kiln Street", "Flat 3, {n} Mallard Road"),
    "de": ("Ziegelhofstraße {n}", "Am Prüffeld {n}", "Lindenallee {n}a"),
    "fr": ("{n} rue des Forges", "{n} bis avenue du Moulin", "{n}, impasse des Tilleuls"),
    "it": ("via delle Officine {n}", "Viale Mulino Vecchio, {n}", "piazza Garofani {n}"),
    "es": ("calle de los Herreros, {n}", "Avda. del Molino {n}, 2º B", "C/ Olmos {n}"),
}
_TOWNS = {
    "en": ("Coventry CV1 {d}AB", "Sunderland SR5 {d}QL"),
    "de": ("85049 Ingolstadt", "70372 Stuttgart", "38440 Wolfsburg"),
    "fr": ("78300 Poissy", "25600 Sochaux", "69003 Lyon"),
    "it": ("10135 Torino", "41053 Maranello", "20121 Milano"),
    "es": ("08040 Barcelona", "50197 Zaragoza", "28021 Madrid"),
}


def phone(r: Random, lang: str) -> str:
    """A number that its country's plan allows; lang is a language, or one of gb, us, ch, at."""
    if lang == "en":
        lang = r.choice(["gb", "us"])
    while True:
        form = r.choice(_PHONES[lang])
        text = "".join(r.choice("0123456789") if sign == "#" else sign for sign in form)
        if phonenumbers.is_valid_number(phonenumbers.parse(text, _REGIONS.get(lang, lang.upper()))):
            return text


def person(r: Random, lang: str) -> str:
    if lang in {"ja", "zh"}:
        family, given = (r.choice(names.split()) for names in (_JA if lang == "ja" else _ZH))
        return family + (r.choice(["", " "]) if lang == "ja" else "") + given
    given, family = (r.choice(names.split()) for names in _PEOPLE[lang])
    return f"{given} {family}"


def family(r: Random, lang: str) -> str:
    """A family name alone, as it stands behind a form of address."""
    return r.choice((_JA[0] if lang == "ja" else _ZH[0] if lang == "zh" else _PEOPLE[lang][1]).split())


def given(r: Random, lang: str) -> str:
    return r.choice((_JA[1] if lang == "ja" else _ZH[1] if lang == "zh" else _PEOPLE[lang][0]).split())


def address(r: Random, lang: str) -> str:
    number = r.randrange(1, 180)
    if lang == "ja":
        town = r.choice(["神奈川県横浜市西区花咲町", "愛知県豊田市元町", "静岡県浜松市中央区砂山町"])
        return f"〒{digits(r, 3)}-{digits(r, 4)} {town}{r.randrange(1, 9)}-{r.randrange(1, 30)}-{r.randrange(1, 20)}"
    if lang == "zh":
        return r.choice(
            ["上海市浦东新区金桥路{}号", "吉林省长春市绿园区东风大街{}号", "广东省深圳市龙岗区坪山路{}号3栋"]
        ).format(number)
    street = r.choice(_STREETS[lang]).format(n=number)
    return f"{street}, {r.choice(_TOWNS[lang]).format(d=r.randrange(1, 10))}"


def email(r: Random, lang: str) -> str:
    del lang
    given = r.choice(["lena", "t.roussin", "m-kato", "wenbo.liang", "o_bortolan", "qa.leiter", "gordon+8d"])
    host = r.choice(["werk7.example", "supplier.example.co.jp", "mail.plant-3.local", "presswerk.intern", "aol.museum"])
    return f"{given}{r.randrange(100)}@{host}"


def url_with_login(r: Random, lang: str) -> str:
    del lang
    scheme = r.choice(["https", "ftp", "rtsp"])
    secret = letters(r, 10, "abcdefghjkmnpqrstuvwxyz23456789")
    host = r.choice(["10.4.7.9", "nas.intern", "ftp.werk.example"])
    return f"{scheme}://{r.choice(['svc', 'kamera', 'backup'])}:{secret}@{host}/in"


def ipv4(r: Random, lang: str) -> str:
    del lang
    return f"{r.choice([10, 172, 192, 87, 203])}.{r.randrange(16, 255)}.{r.randrange(256)}.{r.randrange(1, 255)}"


def ipv6(r: Random, lang: str) -> str:
    del lang
    parts = [f"{r.randrange(1, 65536):x}" for _ in range(4)]
    return r.choice(
        [f"fd00:{parts[0]}:{parts[1]}::{parts[2]}", f"2001:db8:{':'.join(parts)}:0:1", f"fe80::{parts[3]}:1"]
    )


def mac(r: Random, lang: str) -> str:
    del lang
    by = r.choice([":", "-"])
    return by.join(f"{r.randrange(256):02{r.choice('xX')}}" for _ in range(6))


def bic(r: Random, lang: str) -> str:
    del lang
    return r.choice(["BYLADEM1", "DEUTDEFF", "BNPAFRPP", "UNCRITMM", "BOTKJPJT", "BKCHCNBJ"]) + r.choice(["", "XXX"])


def date_of_birth(r: Random, lang: str) -> str:
    form = {
        "en": "{d:02}/{m:02}/{y}",
        "de": "{d:02}.{m:02}.{y}",
        "fr": "{d:02}/{m:02}/{y}",
        "it": "{d:02}/{m:02}/{y}",
        "es": "{d:02}-{m:02}-{y}",
        "ja": "{y}年{m}月{d}日",
        "zh": "{y}年{m}月{d}日",
    }[lang]
    return birth(r, r.choice([form, "{y}-{m:02}-{d:02}"]))


CONTACTS = {
    m.__name__: m
    for m in (phone, person, family, given, address, email, url_with_login, ipv4, ipv6, mac, bic, date_of_birth)
}
"""Kinds that depend on the language of the text around them."""
