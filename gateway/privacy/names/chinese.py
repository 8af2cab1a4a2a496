"""Person names in Chinese text: cues, and LAC's words (:mod:`gateway.privacy.names.lac`).

Text goes through in clauses of at most 128 characters that overlap where a clause had to be cut. Those of about one
length are read at once, which takes a third less time; no clause's result depends on another's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from gateway.privacy.names.chinese_names import BRANDS, ORDINARY, names
from gateway.privacy.names.lac import Lac
from gateway.privacy.span import Proceed, Span

CLAUSE, OVERLAP = 128, 24  # characters
MAX_REMEMBERED = 256  # clauses of one thread
BLOCK = 64  # clauses that are looked at before any is read
AT_ONCE, MOST, UNEVEN = 8, 400, 1.4  # clauses read at once; their characters; how much longer one may be than another
MONOTONE = 3  # different characters: a long clause of no more holds no name
_CLAUSE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]*")
_HAN = re.compile(r"[㐀-䶿一-鿿]{2}")
_TITLES = (
    "先生|女士|小姐|太太|老师|教授|博士|医生|大夫|护士|经理|总监|主任|主管|部长|科长|处长|局长|厂长|班长|组长|工程师|"
    "师傅|同学|同事|董事长|总经理|书记|主席|院长|校长|律师|会计"
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤康温施洪季樊章柯倪俞华鲁葛聂岑齐庞颜"
    "庄翟申焦伍耿牛关邢路左岳梅安常詹欧褚娄甘柴蒲童凌骆祝霍涂纪舒裴包阮虞束井冉车翁卞屠游麦喻湛卓蓝栾佘管"
)
_DOUBLE = "欧阳|司徒|司马|诸葛|上官|皇甫|尉迟|慕容|端木|东方|令狐|夏侯|公孙"
_SURNAME = rf"(?:{_DOUBLE}|[{_SURNAMES}])"
_TITLED = re.compile(rf"(?<![一-鿿])(?:谢谢|感谢|麻烦)?(?!谢谢)({_SURNAME}[一-鿿]{{0,2}}?)({_TITLES})(?![一-鿿])")
_LABELLED = re.compile(
    r"(?:姓名|联系人|负责人|经办人|收件人|发件人|申请人|患者|客户|操作员|检验员|审核|批准|编制|签名|签字|操作者|班长)"
    r"[ ]{0,2}[:：][ ]{0,2}([一-鿿·]{2,4})(?![一-鿿])"
)
_ROLE = re.compile(  # 报修人：石锦程
    r"(?:[人员者长]|姓名|收件|抄送|主持|记录|校对|制表|复核|审批|验收|领料|质检|报告|填写|编写)"
    rf"[ ]{{0,2}}[:： ][ ]{{0,2}}({_SURNAME}[一-鿿]{{1,2}})(?![一-鿿])"
)
_ASKED = re.compile(  # 请联系杨永康，电话……
    r"(?:联系|联络|致电|通知|咨询|转告|抄送|交给|发给|转给|告知|请教|询问|委托|感谢|麻烦|找)"
    rf"({_SURNAME}[一-鿿]{{1,2}})(?=[，,。；;、！!（()\s]|$|先生|女士|电话|手机|确认|处理|或|和)"
)
_GREETED = re.compile(rf"(?<![一-鿿])({_SURNAME}[一-鿿]{{1,2}})[，, ]?(?=[您你]好)")
_AGENT = re.compile(  # 由夏树林设计
    rf"(?:由|经|被)({_SURNAME}[一-鿿]{{1,2}})"
    r"(?=设计|负责|完成|编写|编制|提出|审核|批准|检查|操作|维修|发现|测量|主持|签字|签收|带领|接手|处理|确认|改造|起草|撰写|"
    r"担任|保管|驾驶|录入|提交|修改|介绍|交接|安装|调试|陪同)"
)
_NOT_NAMES = frozenset(
    "无 待定 未知 本人 同上 见附件 客户 部门 工程 质量 生产 采购 销售 公司 方便 任何 何时 何人 经理 白班 高温 高压 "
    "安全 包装 安装 管理 管道 施工 路线 常见 常规 程序 方案 方法 方向 金属 石油 温度 关于 于是 任务 任意 时间 车间 "
    "车辆 井口".split()
)


class Chinese:
    """Finds names in one text. Belongs to one thread."""

    def __init__(self, lac: Lac) -> None:
        self._lac = lac
        self._remembered: dict[str, list[tuple[int, int]]] = {}

    def find(self, text: str, start: int, end: int, proceed: Proceed) -> Iterator[Span]:
        """Yield the names in ``text[start:end]``."""
        yield from _cued(text, start, end)
        clauses = _clauses(text, start, end)
        while some := [*islice(clauses, BLOCK)]:
            proceed()
            worth = [(begin, clause) for begin, until in some if _is_worth(clause := text[begin:until])]
            self._read(dict.fromkeys(clause for _, clause in worth), proceed)
            for begin, clause in worth:
                for first, last in self._remembered[clause]:
                    yield Span(begin + first, begin + last, "PERSON", 0.85, "name:lac")

    def _read(self, clauses: Collection[str], proceed: Proceed) -> None:
        """Remember the names in these clauses, and of some that were read before, for texts that repeat them."""
        if len(self._remembered) + len(clauses) > MAX_REMEMBERED:
            self._remembered.clear()
        for group in _groups(sorted((clause for clause in clauses if clause not in self._remembered), key=len)):
            proceed()
            for clause, words in zip(group, self._lac.words(group), strict=True):
                self._remembered[clause] = names(clause, words)


def _is_worth(clause: str) -> bool:
    return _HAN.search(clause) is not None and (len(clause) < CLAUSE or len(set(clause)) > MONOTONE)


def _groups(clauses: Sequence[str]) -> Iterator[list[str]]:
    """Yield clauses, sorted by length, that are read at once: none much longer than the others."""
    group: list[str] = []
    for clause in clauses:
        if group and (len(group) == AT_ONCE or len(clause) > UNEVEN * len(group[0]) or len(clause) * len(group) > MOST):
            yield group
            group = []
        group.append(clause)
    if group:
        yield group


def _cued(text: str, start: int, end: int) -> Iterator[Span]:
    for pattern in (_TITLED, _LABELLED, _ROLE, _ASKED, _AGENT, _GREETED):
        for match in pattern.finditer(text, start, end):
            ordinary = pattern is not _LABELLED and (match[1] in ORDINARY or match[1] in BRANDS)
            if match[1] not in _NOT_NAMES and not ordinary:
                yield Span(match.start(1), match.end(1), "PERSON", 0.85, "cue:chinese", context=match[0])


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _CLAUSE.finditer(text, start, end):
        first = match.start()
        while match.end() - first > CLAUSE:
            yield first, first + CLAUSE
            first += CLAUSE - OVERLAP
        yield first, match.end()
