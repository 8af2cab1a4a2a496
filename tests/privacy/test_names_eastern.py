"""Japanese and Chinese: which sentence is which, names that only rules and weights find, and quiet documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.privacy.names.finder import Models, Names
from gateway.privacy.names.prepare import prepare
from gateway.privacy.names.scripts import eastern

Persons = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Persons:
    folder: Path = tmp_path_factory.mktemp("detectors")
    prepare(folder)
    names = Names(Models(folder))

    def found(text: str) -> set[str]:
        return {text[s.start : s.end] for s in names.find([text], lambda: None)[0] if s.type == "PERSON"}

    return found


@pytest.mark.parametrize(
    ("sentence", "languages"),
    [
        ("検査員", {"ja"}),
        ("部品を出荷した。", {"ja"}),
        ("资料已收到", {"zh"}),
        ("王建国", {"ja", "zh"}),
        ("ミサキさんの身份证", {"ja", "zh"}),
        ("昨天收到", {"zh"}),
        ("山田様,车牌", {"ja", "zh"}),
        ("plain text", set()),
    ],
)
def test_a_sentence_speaks_by_its_own_letters(sentence: str, languages: set[str]) -> None:
    assert {language for language, _, _ in eastern(sentence)} == languages


def test_sentences_of_one_line_may_be_of_two_languages() -> None:
    text = "VINが登録されました。请联系负责人。"
    assert [(language, text[start:end]) for language, start, end in eastern(text)] == [
        ("ja", "VINが登録されました。"),
        ("zh", "请联系负责人。"),
    ]


CHINESE = [
    ("如有疑问请联系贺兰生，电话另附。", "贺兰生"),
    ("报修人：石锦程", "石锦程"),
    ("这套夹具由夏树林设计。", "夏树林"),
    ("Die Teile sind da. 请通知邵文博，谢谢。", "邵文博"),
    ("检验员: 欧阳若兰", "欧阳若兰"),
    ("邹鹏举您好：零件已发出。", "邹鹏举"),
    ("与会人员：何建平、温晓峰、万芳、单立、应小红", "单立"),
    ("与会人员：何建平、温晓峰、万芳、单立、应小红", "应小红"),
    ("请白工和常工周五前完成评审。", "白工"),
    ("感谢马总的支持，期待下次合作。", "马总"),
    ("操作工江海燕误触急停，班长任重已对其进行教育。", "任重"),
    ("工程师穆勒和施耐德先生周一抵达。", "施耐德"),
    ("美国总统乔·拜恩与德国总理奥拉夫·朔尔曼通了电话。", "奥拉夫·朔尔曼"),
    ("J·K·罗琳娜的小说卖得很好。", "J·K·罗琳娜"),
    ("诸葛明\t总装\tA1023", "诸葛明"),
    ("我是方明，昨天加过你微信", "方明"),
]


@pytest.mark.parametrize(("text", "name"), CHINESE)
def test_a_chinese_name_behind_a_cue_is_found(persons: Persons, text: str, name: str) -> None:
    assert name in persons(text)


@pytest.mark.parametrize(
    "text", ["The 零件 nu 到货。", "Kreditkarte 已登记，Bitte 确认。", "昨天收到4821的资料。", "车牌号は控え済みです。"]
)
def test_words_beside_chinese_are_no_chinese_names(persons: Persons, text: str) -> None:
    assert not persons(text)


@pytest.mark.parametrize(
    "text",
    [
        "费斯托气缸，史陶比尔机器人，库卡控制柜。",
        "王老吉和加多宝的官司打了五年。",
        "米勒效应，霍尔传感器，傅里叶变换。",
        "金工车间、钳工班、段差超标，温升正常。",
        "高温合金、高强度螺栓、高级工程师。",
        "沈阳机床、洛阳轴承、徐州重工。",
        "博世、采埃孚、麦格纳、李尔是一级供应商。",
    ],
)
def test_firms_laws_and_words_that_begin_like_surnames_are_no_chinese_names(persons: Persons, text: str) -> None:
    assert not persons(text)


JAPANESE = [
    ("報告者：早瀬 琴音（社員番号は別紙）", "早瀬 琴音"),
    ("氏名 久保田健一 / 生年月日", "久保田健一"),
    ("柏木吾市が溶接治具を点検した。", "柏木吾市"),
    ("試験にはヴィクトル・ハルストレム氏が立ち会った。", "ヴィクトル・ハルストレム"),
    ("前任の佐久間から治具を引き継いだ。", "佐久間"),
    ("藤堂エージさんに連絡済み。", "藤堂エージ"),
    ("1002 木村 さくら 品質保証課", "木村 さくら"),
    ("作成:高木 確認:西村 承認:平野", "西村"),
    ("品証・佐々木、製造・大野で再確認。", "大野"),
]


@pytest.mark.parametrize(("text", "name"), JAPANESE)
def test_a_japanese_name_is_found_by_the_balance_of_what_speaks_for_it(persons: Persons, text: str, name: str) -> None:
    assert name in persons(text)


PARTS_LIST = """部品表 第3版
1 ブラケット 4個 SUS304
2 オイルシール 2個 ニトリルゴム
3 ベアリング 6204ZZ 8個 豊橋倉庫
4 ハーネス組立 1式
5 六角穴付ボルト M8x25 16本 締付トルク24Nm
6 ガスケット 1枚 在庫なし、納期は来月上旬
7 インバータ 三菱電機 1台
8 カップリング、キー、スペーサ 各1個
"""
WORK_ORDER = """工单 WO-4471 设备：3号冲压机
故障现象：主轴温度过高，报警代码E-204
原因：冷却水管堵塞，过滤器未按周期更换
措施：清洗管路，更换滤芯，调整压力至0.4兆帕
备件：滤芯2个，密封圈4个，油管1根
结果：试运行两小时，温度正常，关闭工单
"""
SHIFT_LOG = """日報 塗装ライン 夜勤
稼働率92% 停止3回 材料切れ、ノズル詰まり、センサ誤検知
コンベヤのチェーンに給油し、テンションを調整した。
ロットC-339の膜厚は規格内。山形工場へ出荷済み。
次直への申し送り:シンナーの残量が少ない。ブースの清掃は未実施。
INFO ジョブがタイムアウトしたためリトライします
"""
CODE = """# 在庫を数えて、しきい値を下回れば発注する
def 発注(品番, 数量):  # 数量は正の整数
    ログ.info("ロット照合完了", extra={"工程": "検査"})
    return {"状态": "已完成", "数量": 数量}
"""


@pytest.mark.parametrize("text", [PARTS_LIST, WORK_ORDER, SHIFT_LOG, CODE])
def test_documents_of_a_plant_that_name_nobody_stay_quiet(persons: Persons, text: str) -> None:
    assert not persons(text)


def test_whose_child_one_is_is_no_part_of_a_name(persons: Persons) -> None:
    assert persons("三女悦子は大学、四女千恵子は高校に通っている。") == {"悦子", "千恵子"}


@pytest.mark.parametrize(
    "text",
    ["会議の席上でイランの外相に説明した。", "サバン・キャピタルが提携を発表した。", "京阪石山駅は大津市にある。"],
)
def test_lands_firms_and_stations_are_nobody(persons: Persons, text: str) -> None:
    assert persons(text) == set()
