"""Which of the words that LAC cuts a clause into are a person's name.

LAC says of each character how likely it belongs to a name (its mass). A name of its own choice must be likely enough,
and no firm, law or ordinary word; what it was in doubt of becomes a name where something speaks for it: a surname
before one or two more characters (温如言), and beside it a role (班长任重), another name of the same list
(石永刚、温如言), a title (施耐德先生, 白工), or who introduces himself (我是方明). Names of other peoples
and of foreigners are joined at their ``·``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SURE, FAIR, FOREIGN = 0.62, 0.45, 0.6  # masses: needs no surname; enough with a surname; enough without
SPLIT = 0.42  # enough for what LAC took for no name
LISTED, SPOKEN, ROLE, TITLED = 0.12, 0.22, 0.06, 0.1  # enough beside what speaks for it
MOST = 12  # characters of a name without ·
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤康温施洪季樊章柯倪俞华鲁葛聂岑齐庞颜"
    "庄翟申焦伍耿牛关邢路左岳梅安常詹欧褚娄甘柴蒲童凌骆祝霍涂纪舒裴包阮虞束井冉车翁卞屠游麦喻湛卓蓝栾佘管应单冷席时景房柏祁"
    "牟苗成连边查简艾曲初宫解池桂尚宁丛司殷米盛鲍费窦滕储符闵臧鞠封芦楼厉农寇廉占仇慕蔺苟阎付乔植隋鄢靳强池辛古尤项权安党"
)
DOUBLE = re.compile(
    "欧阳|司徒|司马|诸葛|上官|皇甫|尉迟|慕容|令狐|夏侯|公孙|长孙|宇文|呼延|独孤|南宫|轩辕|钟离|闻人|澹台|申屠|太史|淳于|万俟|"
    "完颜|拓跋|赫连|端木|东方"
)
_TABLES = json.loads(gzip.decompress((Path(__file__).parent / "chinese-words.json.gz").read_bytes()))
ORDINARY, BRANDS = frozenset(_TABLES["ordinary"].split(" ")), frozenset(_TABLES["brands"].split(" "))
_BRAND = re.compile("|".join(sorted(BRANDS - {"高德", "石油"}, key=len, reverse=True)))
_AFTER_FIRM = re.compile(  # what makes a name before it a firm, a place, a law or a product
    "[·]?(?:效应|定律|定理|公式|变换|滤波|分布|曲线|方程|传感器|体育|轴承|重工|机床|集团|股份|公司|有限|汽车|工厂|牌|奖|文学|大道|"
    "中学|小学|大学|学院|医院|超市|银行|饭店|酒店|剪刀|机器人|电气|科技|电子|涂料|胶水|树脂|氏|镇|县|路口|大桥|机场|广场|"
    "算法|模型|常数|系数|积分|级数|函数|矩阵|准则|循环|硬度|强度|图法|法则|原理|实验|指数|村|街|制药|药业|酒业|运动服|专卖|"
    "牛仔|品牌|旗舰店|平台|阀|泵|电机|轮胎|温度|单位)"
)
_ROLES = re.compile(
    "(?:[作管检值技维巡点员保质驾乘队学教委议职店船海飞服业会演成官雇伤]员|[电焊钳铣磨车漆木瓦职矿化普员操]工|工程师|技师|厨师|"
    "律师|会计师|设计师|老师|教师|导师|牧师|[班组队厂院校科处局部会行所站船机舰司课市县省镇村董]长|[负责记录检验审核操作维修报告]人|"
    "交班人|接班人|当事人|发言人|主持人|经纪人|创始人|诗人|候选人|嫌疑人|被告人|证人|保安|司机|记者|作者|学者|患者|歌手|选手|"
    "棋手|助手|对手|前锋|后卫|门将|中场|作家|画家|专家|科学家|企业家|导演|演员|编剧|主演|教练|主教练|球员|队员|主任|经理|总监|"
    "主管|主席|总统|总理|首相|外长|议员|书记|委员|教授|院士|博士|硕士|医生|护士|大夫|市民|村民|网民|居民|业主|客户|同事|同学|"
    "朋友|室友|战友|邻居|学生|徒弟|父亲|母亲|妻子|丈夫|儿子|女儿|哥哥|弟弟|姐姐|妹妹|爸爸|妈妈|小伙|姑娘|男子|女子|店主|老板|"
    "助理|秘书|翻译|会计|出纳|皇帝|国王|女王|王子|公主|将军|司令|警官|法官|检察官|民警|辅警|战士|烈士|新人|总裁)$"
)
_SPOKEN = frozenset(
    "我是 我叫 名叫 叫 叫做 名为 是 与 或 和 跟 同 向 由 对 找 问 给 让 请 问下 经 被 把 将 替 帮 派 对于".split()
)
_TITLES = re.compile(
    "先生|女士|小姐|太太|夫人|老师|师傅|教授|博士|大夫|医生|经理|总监|主任|主管|总经理|副总|董事长|律师|工程师|部长|科长|处长|"
    "局长|厂长|院长|校长|班长|组长|同学|同志|总|工|哥|姐|叔|姨|爷爷|奶奶|阿姨|书记|警官|法官|导演|院士|总裁|课长|"
    "经理助理|副经理|副部长|所长|总工"
)
_SHORT_TITLES = frozenset("总工哥姐叔姨")
_NO_WORKERS = frozenset(
    "施工 金工 包工 管工 高工 华工 计工 安工 车工 石工 古工 连工 占工 强工 单总 成总 连总 时总 应总 初总".split()
)
_NICKNAME = re.compile(r"[老小阿]([一-鿿])")
_FOREIGN = re.compile(r"(?:[一-鿿]-)?(?:[A-Z]|[一-鿿]{1,8})(?:[·•‧・](?:[A-Z]|[一-鿿]{1,8})){1,4}")
_DOT = re.compile("[·•‧・]")
_HAN = re.compile("[㐀-䶿一-鿿]+")
_PLACES = frozenset(("LOC", "ORG", "ns", "nt", "nz", "nw", "TIME", "t"))
_GLUED = frozenset("说拉问给和在也已把被让跟去来做同就都还会要请提")
_NOBODY = frozenset(
    "各位 主席 女 老 大 这位 那位 一位 两位 该 某 诸位 哪位 每位 总 副 新 好 美 男 的 位 车间 部门 客户".split()
)


class Word(NamedTuple):
    """One of LAC's words: [start, end) in its clause, its tag, and the mean mass of its characters."""

    start: int
    end: int
    tag: str
    mass: float


Spot = tuple[int, int]


def names(clause: str, words: Sequence[Word]) -> list[Spot]:
    """Return start and end of each name, sorted; none overlaps."""
    found: dict[Spot, None] = {}
    for spot in _dotted(clause, words):
        found[spot] = None
    for index, word in enumerate(words):
        for spot in _at(clause, words, index, word):
            if not _overlaps(spot, found):
                found[spot] = None
    for spot in _listed(clause, words, found):
        if not _overlaps(spot, found):
            found[spot] = None
    return sorted(found)


def _overlaps(spot: Spot, found: dict[Spot, None]) -> bool:
    return any(spot[0] < end and start < spot[1] for start, end in found)


def _dotted(clause: str, words: Sequence[Word]) -> Iterator[Spot]:
    """Names with ``·``: LAC's words, or letters, either side of each dot, joined."""
    joined: list[Spot] = []
    for match in _DOT.finditer(clause):
        start, end = _left(clause, words, match.start()), _right(clause, words, match.end())
        if joined and joined[-1][1] >= match.start():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    for left, end in joined:
        start = left - 2 if left > 1 and clause[left - 1] == "-" else left  # 让-皮埃尔·杜邦
        inside = [word.mass for word in words if start < word.end and word.start < end and word.end - word.start > 1]
        whole = _FOREIGN.fullmatch(clause, start, end)
        if whole and max(inside, default=0.0) >= FAIR and not _AFTER_FIRM.match(clause, end):
            yield start, end


def _left(clause: str, words: Sequence[Word], dot: int) -> int:
    """Return where what stands before a dot begins: a word of Chinese, or one letter."""
    if dot and "A" <= clause[dot - 1] <= "Z":
        return dot - 1
    return next((word.start for word in words if word.start < dot <= word.end), dot)


def _right(clause: str, words: Sequence[Word], after: int) -> int:
    if "A" <= clause[after : after + 1] <= "Z":
        return after + 1
    return next((word.end for word in words if word.start <= after < word.end), after)


def _at(clause: str, words: Sequence[Word], index: int, word: Word) -> Iterator[Spot]:
    """The name that starts with a word, if one does."""
    if not _HAN.match(clause, word.start):
        return
    if word.tag in ("nr", "PER"):
        yield from _tagged(clause, words, index, word)
        return
    value = clause[word.start : word.end]
    spot = _titled(clause, words, index, value) or _filled(clause, words, index)
    if spot:
        yield spot
        return
    nick = _NICKNAME.fullmatch(value)
    if nick and nick[1] in SURNAMES and word.mass >= SPOKEN:
        yield word.start, word.end
        return
    for spot, mass in _runs(clause, words, index):
        if mass >= _needed(clause, words, index, spot, word.tag):
            yield spot
            return


def _tagged(clause: str, words: Sequence[Word], index: int, word: Word) -> Iterator[Spot]:
    """A name of LAC's own choice, trimmed, unless it is somebody else's: a firm, a law, an ordinary word."""
    start, end = _trimmed(clause, word)
    if start and _stands_alone(clause, words, index - 1):  # 应 小红
        start -= 1
    value = clause[start:end]
    if len(value) == 2 and value[0] in SURNAMES and value[1] in "总工":
        yield start, end
        return
    if len(value) > MOST or not _HAN.fullmatch(value) or value[1:] == "氏":
        return
    if len(value) == 1:
        if _follows_title(clause, end):
            yield start, end
        elif value in SURNAMES and not _BRAND.match(clause, start):
            yield from _with_given(clause, words, index)
        return
    if len(value) == 2 and value[0] in SURNAMES and _ends(clause, words, index + 1):  # 成龙 飞
        end, value = end + 1, clause[start : end + 1]
    if _stays(clause, words, index, (start, end), value):
        yield start, end


def _trimmed(clause: str, word: Word) -> Spot:
    """Leave out white space, thanks before a name, and what is glued to its end: 黄总同(意), 江涛拉."""
    value = clause[word.start : word.end].rstrip()
    start = word.start + 2 * (value.startswith("谢谢") and len(value) > 2)
    value = clause[start : word.start + len(value)]
    glued = (
        len(value) == 3 and value[0] in SURNAMES and (value[1] in "总工" or (value[2] in _GLUED and word.mass < 0.9))
    )
    return start, start + len(value) - glued


def _with_given(clause: str, words: Sequence[Word], index: int) -> Iterator[Spot]:
    """A surname alone, and what may be the given name after it: ``景`` ``甜甜``."""
    word, after = words[index], words[index + 1] if index + 1 < len(words) else None
    if (
        after
        and after.mass >= LISTED
        and _HAN.fullmatch(clause, after.start, after.end)
        and after.end - after.start < 3
    ):
        yield word.start, after.end
    elif word.mass >= 0.8:
        yield word.start, word.end


def _ends(clause: str, words: Sequence[Word], index: int) -> bool:
    """Whether a word of one character that may belong to a name stands before a mark, or nothing."""
    if index >= len(words) or words[index].end - words[index].start > 1 or words[index].mass < LISTED:
        return False
    return bool(_HAN.match(clause, words[index].start)) and not _HAN.match(clause, words[index].end)


def _stays(clause: str, words: Sequence[Word], index: int, spot: Spot, value: str) -> bool:
    """Whether a name of LAC's choice is likely enough, and nobody else's."""
    mass = words[index].mass
    if _role(clause, words, index) or _follows_title(clause, spot[1]):
        return True
    if value in BRANDS or _AFTER_FIRM.match(clause, spot[1]) or (mass < 0.75 and _BRAND.match(clause, spot[0])):
        return False
    if value in ORDINARY and mass < 0.85 and not (index and _text(clause, words[index - 1]) in _SPOKEN):
        return False
    if _NICKNAME.fullmatch(value):
        return mass >= SPOKEN
    surname = value[0] in SURNAMES or DOUBLE.match(value)
    return mass >= (FAIR - 0.1 if surname or len(value) > 3 else FOREIGN)


def _text(clause: str, word: Word) -> str:
    return clause[word.start : word.end]


def _titled(clause: str, words: Sequence[Word], index: int, value: str) -> Spot | None:
    """Whom a title follows: ``白工`` as one word, ``方`` ``师傅`` or ``施耐德`` ``先生`` as two."""
    word = words[index]
    named = value[0] in SURNAMES and value not in BRANDS and value not in _NO_WORKERS
    if named and len(value) > 1 and _TITLES.fullmatch(value, 1):
        short = value[1:] in _SHORT_TITLES
        if not short or (value not in ORDINARY and _stands(clause, words, index)):
            return word.start, word.end if short else word.start + 1
    if index + 1 == len(words) or not _HAN.fullmatch(value):
        return None
    title = clause[words[index + 1].start : words[index + 1].end]
    if not _TITLES.fullmatch(title) or value in _NOBODY or value in ORDINARY:
        return None
    if value in SURNAMES:
        return (word.start, word.end) if title not in _SHORT_TITLES or _stands(clause, words, index) else None
    polite = title in ("先生", "女士", "小姐", "太太", "夫人", "师傅", "老师")
    if polite and 1 < len(value) < 5 and (word.mass >= TITLED or (value[0] in SURNAMES and len(value) < 4)):
        return word.start, word.end
    return None


def _filled(clause: str, words: Sequence[Word], index: int) -> Spot | None:
    """Whatever a form holds behind who signs there: ``签收人：吾买尔江``."""
    match = _HAN.match(clause, words[index].start)
    if (
        match is None
        or not 1 < match.end() - match.start() < 7
        or clause[match.start() - 1 : match.start()] not in (":", "：")
    ):
        return None
    fits = _role(clause, words, index) and match[0] not in ORDINARY and _mass(words, match.span()) >= TITLED
    return match.span() if fits else None


def _stands_alone(clause: str, words: Sequence[Word], index: int) -> bool:
    """Whether a word is a surname of one character behind a mark, before a given name."""
    one, after = words[index], words[index + 1]
    alone = one.end - one.start == 1 and clause[one.start] in SURNAMES and after.end - after.start < 3
    return alone and (one.start == 0 or not _HAN.match(clause, one.start - 1)) and clause[after.start] not in SURNAMES


def _stands(clause: str, words: Sequence[Word], index: int) -> bool:
    """Whether a word stands where one is spoken to or of: at a clause's start, or behind a mark or a small word."""
    if index == 0:
        return True
    before = clause[words[index - 1].start : words[index - 1].end]
    return before in _SPOKEN or not _HAN.search(before) or before in ("谢谢", "感谢", "麻烦", "辛苦", "联系", "通知")


def _runs(clause: str, words: Sequence[Word], index: int) -> Iterator[tuple[Spot, float]]:
    """Whole words from one on that look like surname and given name, longest first, with their mean mass."""
    start = words[index].start
    double = DOUBLE.match(clause, start)
    if clause[start] not in SURNAMES and not double:
        return
    for last in range(min(len(words), index + 3) - 1, index - 1, -1):
        size = words[last].end - start
        value = clause[start : words[last].end]
        if size < 2 + bool(double) or size > 3 + bool(double) or not _HAN.fullmatch(value):
            continue
        run = words[index : last + 1]
        if value in ORDINARY or value in BRANDS or (len(run) > 1 and clause[start : run[0].end] in ORDINARY):
            continue
        mass = sum(word.mass * (word.end - word.start) for word in run) / size
        if len(run) == 1 or run[-1].mass >= LISTED:
            yield (start, words[last].end), mass


def _needed(clause: str, words: Sequence[Word], index: int, spot: Spot, tag: str) -> float:
    """Return the mass that a run needs."""
    if _AFTER_FIRM.match(clause, spot[1]):
        return 2.0
    if _follows_title(clause, spot[1]):
        return ROLE
    if _role(clause, words, index):
        return ROLE if tag not in _PLACES else SPOKEN
    before = clause[words[index - 1].start : words[index - 1].end] if index else ""
    if before in _SPOKEN:
        return SPOKEN if tag not in _PLACES else SPLIT
    return SPLIT if tag not in _PLACES else SURE


def _role(clause: str, words: Sequence[Word], index: int) -> bool:
    """Whether what somebody is stands right before a word, perhaps with a colon between: ``班长``, ``记录人：``."""
    end = words[index].start
    while end and clause[end - 1] in " :：":
        end -= 1
    return bool(_ROLES.search(clause, max(0, end - 4), end))


def _follows_title(clause: str, end: int) -> bool:
    match = _TITLES.match(clause, end)
    return match is not None and match[0] not in _SHORT_TITLES


def _listed(clause: str, words: Sequence[Word], found: dict[Spot, None]) -> Iterator[Spot]:
    """What stands between marks beside a name found, and begins with a surname: ``石永刚、温如言``."""
    if not found:
        return
    items = [(match.start(), match.end()) for match in re.finditer(r"[^\s、，,/|和与及;；.．\d()（）:：]+", clause)]
    named = {spot for spot in items if spot in found}
    for at, spot in enumerate(items):
        value = clause[spot[0] : spot[1]]
        if spot in named or not 1 < len(value) < 5 or not _HAN.fullmatch(value):
            continue
        if value in ORDINARY or value in BRANDS:
            continue
        beside = sum(1 for other in items[max(0, at - 2) : at + 3] if other in named)
        if beside and _is_item(value, _mass(words, spot), beside):
            yield spot


def _is_item(value: str, mass: float, beside: int) -> bool:
    surname = DOUBLE.match(value) if len(value) == 4 else value[0] in SURNAMES or DOUBLE.match(value)
    return bool(surname) and mass >= (LISTED if beside == 1 else 0.03)


def _mass(words: Sequence[Word], spot: Spot) -> float:
    inside = [word for word in words if word.start < spot[1] and word.end > spot[0]]
    size = sum(word.end - word.start for word in inside)
    return sum(word.mass * (word.end - word.start) for word in inside) / max(1, size)
