"""Person names in Japanese text: Sudachi's words, and rules for how names are built and where they stand.

Sudachi (Apache-2.0) knows surnames, given names and common foreign names of its dictionary (人名). The rules add
what it does not know: a surname with any given name after it (姓+名), a given name with any surname before it,
foreign names written in katakana with ``・`` or ``=`` between their parts, and whoever carries an honorific (さん,
様, 氏, 部長) or stands behind a form's label (担当:, 氏名:). They veto places, firms and works that carry a person's
name (山田町, ブルームバーグ社, 吉川弘文館).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sudachipy import MorphemeList, SplitMode, Tokenizer, dictionary

from gateway.errors import SetupError
from gateway.privacy.names.balance import Balance
from gateway.privacy.names.candidates import Candidate, Part, Reading, candidates
from gateway.privacy.names.likeness import Likeness
from gateway.privacy.names.scripts import CHINESE
from gateway.privacy.span import Proceed, Span

_CANARY = "品質保証の田中太郎がジョン・スミスさんに会った。"
CHUNK, OVERLAP = 1_000, 40  # characters given to Sudachi at once; it refuses more than 16,000
LEAST, SURE = -1.1, 1.0  # log odds from which on a candidate is a name, and surely one
MONOTONE = 3  # different characters; what has no more holds no name and is not worth the analysis
KANJI = re.compile(r"[㐀-䶿一-鿿々〆ヶ髙﨑]+")
_KATAKANA = r"[ァ-ヺー]"
_FOREIGN = re.compile(rf"{_KATAKANA}{{2,15}}(?:[・=](?:{_KATAKANA}{{1,15}}|[A-Z]\.?)){{1,4}}")
_LONE = re.compile(rf"{_KATAKANA}{{2,15}}")
_HONORIFICS = frozenset("さん 様 さま 氏 くん 君 ちゃん 殿 先生 先輩".split())
_RANKS = frozenset(
    "部長 課長 係長 主任 社長 専務 常務 工場長 班長 リーダー 教授 博士 監督 選手 首相 大統領 議員 夫人 "
    "主査 室長 次長 会長 取締役 支店長 所長 医師 看護師 弁護士 投手 捕手 将軍 大佐 中佐 少佐 大尉 中尉 "
    "少尉 大将 中将 少将 元帥 提督 卿 容疑者 被告 知事 市長 総統 皇帝 国王 女王 王子 王女 伯爵 公爵 男爵 "
    "侯爵 本部長 マネージャー マネジャー コーチ 牧師 神父 司教 棋士 騎手 四段 五段 六段 七段 八段 九段 "
    "名人 検事 判事 記者 アナウンサー".split()
)
_TITLES = _HONORIFICS | _RANKS
_LABEL = re.compile(
    r"(?:氏名|名前|担当者?|作成者?|承認者?|確認者?|報告者?|作業者|検査員|検査者|責任者|記入者|連絡者|"
    r"申請者|患者名?|宛先|発信者?|差出人|"
    r"受講者|参加者|著者|監督|出演|脚本|演出)(?:[ ]{0,2}[:：][ ]{0,2}|[ ](?=[ァ-ヺー]{2,15}[・=]))"
    r"((?:[㐀-䶿一-鿿々]{1,3}[ ][㐀-䶿一-鿿々ぁ-ん]{1,4}|[㐀-䶿一-鿿々]{2,5}|"
    rf"{_KATAKANA}{{2,15}}(?:[・=]{_KATAKANA}{{1,15}}){{0,4}}))"
    r"(?![㐀-䶿一-鿿々ァ-ヺー]|[ ]{0,2}[:：])"
)
_LATIN = re.compile(  # Herr Baumgartnerさん
    r"(?<![A-Za-z.@/_-])(?:(?:Herr|Frau|Mr|Mrs|Ms|Dr|Mme|Sig)\.?[ ])?"
    r"((?:[A-ZÀ-Þ][a-zß-ÿ'’-]{1,20}[ ]){0,2}[A-ZÀ-Þ][a-zß-ÿ'’-]{1,20})[ ]?(?=さん|様|氏(?!名))"
)
_AFTER = (  # what makes a name before it a place, a firm, a work
    "駅|町|村|市|区|県|郡|城|寺|院|神社|神宮|大社|天満|飛行場|空港|小学校|中学校|高校|高等学校|大学|学園|"
    "学院|製作所|工業|建設|銀行|証券|"
    "電機|電器|電工|商店|商会|商事|堂|社|財団|賞|杯|線|通り|橋|池|島|沼|沢|谷|湖|川|山|岳|峠|港|湾|海|"
    "半島|藩|艦隊|弘文館|書店|書房|出版|新聞|"
    "放送|テレビ|研究所|病院|医院|競馬場|球場|競技場|宇宙センター|センター|ホール|劇場|美術館|博物館|"
    "記念|軌道|方程式|定理|法則|効果|効應|族|"
    "製|号|型|式|級|製薬|製鉄|重工|自動車|鉄道|電鉄|バス|運輸|物流|ホールディングス|HD|グループ|"
    "コーポレーション|インダストリーズ|遺跡|古墳|"
    "貴金属|文庫|公園|庭園|温泉|高原|盆地|平野|街道|団地|丘|台|ヶ丘|ガ丘|ヶ原|屋|亭|庵|丸|宮|派|塾|戦|"
    "航空|FC|教会|墓地|神殿|協定|運河|個別賞|楼|記録|条約|宣言|事件|の乱|の変|の戦い"
)
_PLACE_AFTER = re.compile(rf"(?:{_AFTER})")
_ENDS_AS_FIRM = re.compile(
    rf".(?:{'|'.join(end for end in _AFTER.split('|') if len(end) > 1)}|駅|眼科|歯科|外科|フライス|"
    "キャピタル|コミック|コミックス|ガイド|レコーズ|カンパニー|モーターズ|タイムズ|ガール|ガールズ|ボーイズ)$"
)
_KIN = re.compile(r"[長次二三四五六七][男女](?=[㐀-䶿一-鿿ぁ-んァ-ヺ])")  # 三女悦子
_FIRM_BEFORE = re.compile(r"(?:株式会社|有限会社|合同会社|財団法人|市立|県立|町立|区立|国道|県道)$")
_FIRM_PARTS = re.compile(
    r"コーポ|ガイド|センター|システム|グループ|テレビ|クラブ|カップ|リーグ|ホテル|アイランド|エアライン|"
    r"シリーズ|ゲーム|バンク|スタジオ|ミュージック|"
    r"レコード|エンターテイ|ピクチャー|フィルム|プロジェクト|サービス|シティ|タウン|ストリート|アルバム|"
    r"ライブ|ツアー|チャンピオン|オブ|ザ|ユニバ|"
    r"カントリー|スクール|カレッジ|ミュージアム|タワー|パーク|ロード|リバー|ビーチ|ベイ|マウンテン|バレー|"
    r"ネットワーク|ソフト|デザイン|インター|"
    r"ユナイテッド|シティー|ソング|ロック|ポップ|ダンス|メタル|スーパー|ハイ|ロー|ドライブ|エンジン|"
    r"モーター|ポンプ|バルブ|サーボ|コントロ"
)
_FOREIGN_SURNAMES = frozenset(
    "金李朴崔鄭林劉周朱王張陳毛文徐千黄趙呉孫馬胡郭何高梁宋許鄧曹曾蕭蔡潘袁董余葉程魏蘇呂丁沈盧姜尹申安韓白洪権柳全"
)
_NOT_NAMES = frozenset(
    "一人 二人 三人 等 真 清 旭 光 皆 客 お客 奥 神 業者 担当 各位 患者 営業 製造 関係者 課 部 係 お母 "
    "お父 母 父 兄 姉 弟 妹 何 誰 本 一 仁 義 信 誠 明 愛 望 希望 花 桜 桃 緑 翼 正 新 実 学 力 心 空 海 "
    "陸 大地 未来 平和 永遠 光子 陽子 中 上 下 外 内 東 西 南 北 前 後 今 昔 初 各 毎 全 同 両 当 元".split()
)


_CHINESE_WORDS = ("机密", "机器", "机床", "机油", "机房")  # 机 is a surname's sign in Japanese
_NEVER = frozenset(("", "尾", "数"))  # kinds that begin no name
_NAMED = ("姓", "名", "人")


class Japanese:
    """Finds names in one text. Belongs to one thread."""

    def __init__(self, balance: Balance | None = None) -> None:
        self._tokenizer: Tokenizer = dictionary.Dictionary().tokenizer(mode=SplitMode.C)
        self._balance = balance or Balance()
        self._kinds: dict[int, tuple[str, bool]] = {}
        found = {_CANARY[span.start : span.end] for span in self.find(_CANARY, 0, len(_CANARY), lambda: None)}
        if not {"田中太郎", "ジョン・スミス"} <= found:
            raise SetupError("The Japanese analyser does not find the names in its canary text.", "Install it again.")

    def find(self, text: str, start: int, end: int, proceed: Proceed) -> Iterator[Span]:
        """Yield the names in ``text[start:end]``; they may overlap."""
        for match in _LABEL.finditer(text, start, end):
            if match[1] not in _NOT_NAMES:
                yield Span(match.start(1), match.end(1), "PERSON", 0.85, "cue:japanese", context=match[0][:8])
        for match in _LATIN.finditer(text, start, end):
            yield Span(match.start(1), match.end(1), "PERSON", 0.85, "cue:japanese")
        while True:
            proceed()
            last = min(end, start + CHUNK)
            if len(set(text[start:last])) > MONOTONE:
                for span in self._names(text[start:last]):
                    yield span.at(start)
            if last == end:
                return
            start = last - OVERLAP

    def _names(self, text: str) -> Iterator[Span]:
        reading = read(text, self._tokenizer.tokenize(text), self._balance.likeness, self._kinds)
        rules, by_rule = {}, []
        for one, rule in names_by_rule(text, reading.parts):
            rules[one.start, one.end] = rule
            by_rule.append(one)
        found = list(dict.fromkeys((*candidates(reading), *by_rule)))
        for one, weight in self._balance.choose(reading, found, rules, LEAST):
            if _ENDS_AS_FIRM.search(text, one.start, one.end) and not reading.titled(one.last):
                continue
            if CHINESE.search(text, one.start, one.end):  # 车牌号; whoever is named in Chinese is LAC's
                continue
            if (
                _is_land(text, reading, one)
                or _is_between(text, one)
                or (weight <= SURE and _is_thing(text, reading, one))
            ):
                continue
            kin = _KIN.match(text, one.start, one.end)
            rule = rules.get((one.start, one.end), "balance").rstrip("!")
            start = kin.end() if kin else one.start
            yield Span(start, one.end, "PERSON", 0.85 if weight > SURE else 0.6, f"name:{rule}")


def _is_land(text: str, reading: Reading, one: Candidate) -> bool:
    """Whether nothing but places of the dictionary in katakana, without a title: ``イランの大統領``."""
    places = all(part.kind == "地" for part in reading.parts[one.first : one.last])
    return places and bool(_LONE.fullmatch(text, one.start, one.end)) and not reading.titled(one.last)


def _is_thing(text: str, reading: Reading, one: Candidate) -> bool:
    """Whether one word in katakana that the dictionary knows as no name, without a title: ``ロッカー``."""
    if one.last - one.first > 1 or reading.titled(one.last) or not _LONE.fullmatch(text, one.start, one.end):
        return False
    part = reading.parts[one.first]
    return part.kind in ("名詞", "固") and not part.unknown


def _is_between(text: str, one: Candidate) -> bool:
    """Whether Chinese that looks like a name: a word before a place (``到横浜``), a sign amid others (``格里填``)."""
    if text[one.start] in "到在从" or text.startswith(_CHINESE_WORDS, one.start):
        return True
    if one.end - one.start > 1:
        return False
    return bool(KANJI.match(text, one.end)) and one.start > 0 and bool(KANJI.match(text, one.start - 1))


def read(text: str, words: MorphemeList, likeness: Likeness, kinds: dict[int, tuple[str, bool]]) -> Reading:
    """Return a text's words with what their tags say; ``kinds`` remembers that of each set of tags."""
    parts = []
    for word in words:
        tags = word.part_of_speech_id()
        said = kinds.get(tags)
        if said is None:
            said = kinds[tags] = _said(word.part_of_speech())
        parts.append(Part(word.begin(), word.end(), said[0], word.is_oov(), said[1]))
    return Reading(text, parts, words, _TITLES, likeness)


def _said(tags: tuple[str, ...]) -> tuple[str, bool]:
    return _kind(tags), tags[0] in ("名詞", "動詞", "形容詞", "接尾辞")


def _kind(tags: tuple[str, ...]) -> str:
    if tags[0] == "接尾辞":
        return "尾"
    if tags[0] in ("代名詞", "形状詞"):  # 岡本吾市, 須藤元気
        return "名詞"
    if tags[0] != "名詞":
        return ""
    if tags[2] == "人名":
        return {"姓": "姓", "名": "名"}.get(tags[3], "人")
    return {"地名": "地"}.get(tags[2], "固" if tags[1] == "固有名詞" else "数" if tags[1] == "数詞" else "名詞")


def names_by_rule(text: str, parts: Sequence[Part]) -> Iterator[tuple[Candidate, str]]:
    """Yield what the rules take for names, and which rule; ``!`` behind it: what is around it speaks against it."""
    index = 0
    while index < len(parts):
        if parts[index].kind in _NEVER:
            index += 1
            continue
        first, last, rule = _at(text, parts, index)
        if last <= index:
            index += 1
            continue
        start, end = parts[first].start, parts[last - 1].end
        other = _is_other(text, start, end, parts, last)
        yield Candidate(first, last, start, end), f"{rule}!" if other else rule
        index = last


def _at(text: str, parts: Sequence[Part], index: int) -> tuple[int, int, str]:
    """Return [first, last) of a name that starts at ``index`` (or just before it), and the rule; last is 0 where is
    none."""
    part = parts[index]
    surface = text[part.start : part.end]
    if _LONE.fullmatch(surface):
        return _foreign(text, parts, index)
    if part.kind == "姓":
        return index, _given(text, parts, index + 1), "sudachi"
    if part.kind == "名" and len(surface) > 1 and surface not in _NOT_NAMES:
        before = _surname(text, parts, index)
        return before, index + 1, "sudachi"
    if part.kind == "人" and surface not in _NOT_NAMES and not surface.isascii():
        return index, index + 1, "sudachi"
    if surface in _FOREIGN_SURNAMES and (index == 0 or not KANJI.fullmatch(text[part.start - 1])):
        last = _given(text, parts, index + 1)
        if last > index + 1:
            return index, last, "foreign"
    return _addressed(text, parts, index, surface)


def _foreign(text: str, parts: Sequence[Part], index: int) -> tuple[int, int, str]:
    """A run of katakana, joined by ``・`` or ``=``: a name when one of its words is, or is not in the dictionary."""
    start = parts[index].start
    match = _FOREIGN.match(text, start) or _LONE.match(text, start)
    end = match.end() if match else parts[index].end
    last = index
    while last < len(parts) and parts[last].end <= end:
        last += 1
    run = parts[index:last]
    if not run or run[-1].end != end or _FIRM_PARTS.search(text[start:end]):
        return index, 0, ""
    named = any(part.kind in _NAMED for part in run)
    if match:
        place = any(part.kind == "地" for part in run)
        first, final = run[0], run[-1]
        likely = first.kind in _NAMED or (final.kind in _NAMED and not place) or (first.unknown and not place)
        return index, last if likely else 0, "katakana"
    titled = _title(text, parts, last)
    return (
        index,
        last if (named and len(run) == 1) or (titled and (named or run[0].unknown or len(run) > 1)) else 0,
        "katakana",
    )


def _given(text: str, parts: Sequence[Part], index: int) -> int:
    """Return where a full name ends whose surname ends before ``index``: at most three characters on."""
    at, size = index, 0
    if at < len(parts) and text[parts[at].start : parts[at].end] == " ":
        at += 1
        if at >= len(parts) or parts[at].kind != "名":
            return index
    while at < len(parts) and parts[at].kind in ("名", "姓", "人", "名詞", "地", "固", "数"):
        surface = text[parts[at].start : parts[at].end]
        if (
            not KANJI.fullmatch(surface)
            or surface in _RANKS
            or size + len(surface) > 3
            or _PLACE_AFTER.fullmatch(surface)
        ):
            break
        named = parts[at].kind == "名"
        if not named and (len(surface) > 1 and not parts[at].unknown):
            break
        size += len(surface)
        at += 1
        if named:
            return at
    clear = at >= len(parts) or parts[at].kind in ("", "尾") or text[parts[at].start : parts[at].end] in _TITLES
    return at if size > 1 and clear else index


def _surname(text: str, parts: Sequence[Part], index: int) -> int:
    """Return the index of the surname before a given name: any one to three kanji that no other word runs into."""
    if index == 0:
        return index
    before = parts[index - 1]
    surface = text[before.start : before.end]
    if (
        before.kind not in ("名詞", "地", "固", "姓")
        or not KANJI.fullmatch(surface)
        or len(surface) > 3
        or surface in _RANKS
    ):
        return index
    ahead = text[parts[index - 2].end - 1] if index > 1 else ""
    return index if KANJI.fullmatch(ahead) or _PLACE_AFTER.search(surface[-1]) else index - 1


def _addressed(text: str, parts: Sequence[Part], index: int, surface: str) -> tuple[int, int, str]:
    """A word that an honorific follows; before a rank only what may be a surname."""
    part = parts[index]
    if index + 1 >= len(parts) or part.kind not in ("地", "固", "名詞") or surface in _NOT_NAMES or len(surface) > 5:
        return index, 0, ""
    title = _title(text, parts, index + 1)
    if title in _HONORIFICS and KANJI.fullmatch(surface) and (part.kind != "名詞" or part.unknown):
        return index, index + 1, "honorific"
    if title in _RANKS and (part.kind == "地" or part.unknown) and KANJI.fullmatch(surface) and len(surface) < 4:
        return index, index + 1, "honorific"
    return index, 0, ""


def _title(text: str, parts: Sequence[Part], index: int) -> str:
    if index >= len(parts):
        return ""
    surface = text[parts[index].start : parts[index].end]
    return surface if surface in _TITLES else ""


def _is_other(text: str, start: int, end: int, parts: Sequence[Part], index: int) -> bool:
    """Whether what stands around makes it a place, a firm or a work."""
    if _title(text, parts, index):
        return False
    if _FIRM_BEFORE.search(text, max(0, start - 6), start):
        return True
    return (
        index < len(parts)
        and parts[index].kind in ("名詞", "尾", "固", "地", "")
        and bool(_PLACE_AFTER.match(text, end))
    )
