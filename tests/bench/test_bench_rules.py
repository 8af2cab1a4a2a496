"""The rules of the benchmark: figures, ratios, tables. No speed is asserted anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yardstick.stages import median_means_ms, parse_stages
from yardstick.stats import Figure, Sample, added, figure, percentile, ratio
from yardstick.table import AT_16, AT_ONCE, Row, as_data, lines, markdown, stage_lines
from yardstick.tokens import token_lines


def figure_of(p50: float, p99: float = 0.0, rate: float = 0.0) -> Figure:
    return Figure(p50, p99, p50, p99, rate, 0.0, 100, 0, 0.0)


@pytest.mark.parametrize(("percent", "expected"), [(1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100)])
def test_a_percentile_is_the_nearest_rank(percent, expected):
    assert percentile(list(range(100, 0, -1)), percent) == expected


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1], 0), ([1], 101)])
def test_a_percentile_of_nothing_is_refused(values, percent):
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.01, 100))
def test_a_percentile_is_a_value_that_enough_others_do_not_exceed(values, percent):
    found = percentile(values, percent)

    assert found in values
    assert sum(value <= found for value in values) >= percent / 100 * len(values) - 1e-6


def test_a_figure_is_the_median_of_its_rounds():
    usual = Sample([1000] * 10, [500] * 10, 1.0, completion_tokens=80)
    disturbed = Sample([9000] * 2, [9000] * 2, 1.0, completion_tokens=16)
    lucky = Sample([400] * 30, [300] * 30, 1.0, completion_tokens=240)

    one = figure([disturbed, usual, lucky])

    assert (one.p50_ms, one.p99_ms, one.first_byte_p50_ms, one.requests_per_second) == (1.0, 1.0, 0.5, 10)
    assert (one.tokens_per_second, one.answers, one.spread) == (80, 42, 2.8)


def test_a_round_without_an_answer_counts_as_errors_only():
    one = figure([Sample([], [], 1.0, errors=20), Sample([1000], [900], 1.0)])

    assert (one.errors, one.answers, one.p50_ms) == (20, 1, 1.0)


def test_a_figure_of_no_answers_is_refused():
    with pytest.raises(ValueError, match="no round"):
        figure([Sample([], [], 1.0, errors=20)])


def test_added_latency_is_through_the_peer_minus_direct():
    assert added(figure_of(21.5, 30.0), figure_of(20.5, 25.0)) == (1.0, 5.0)


def test_a_ratio_to_nothing_is_none():
    assert ratio(10, 4) == 2.5
    assert ratio(10, 0) is None


def test_the_table_sets_each_peer_against_direct_and_litellm():
    rows = [
        Row("direct", "direct", {AT_ONCE: figure_of(0.5, 1.0), AT_16: figure_of(0, rate=40_000)}),
        Row("litellm", "litellm", {AT_ONCE: figure_of(13.0, 20.0), AT_16: figure_of(0, rate=80)}),
        Row(
            "sekisho",
            "Sekisho",
            {AT_ONCE: figure_of(1.25, 2.0), AT_16: figure_of(0, rate=820)},
            {"opa": 40.0, "py": 60.0},
        ),
        Row("nginx", "nginx", missing="not installed"),
    ]

    direct, litellm, sekisho, nginx = lines(rows)

    assert direct[1:3] == ["(0.50)", "(1.00)"]
    assert litellm[1:3] == ["12.50", "19.00"]
    assert (sekisho[1], sekisho[5], sekisho[6], sekisho[-1]) == ("0.75", "820", "10.2×", "100")
    assert nginx[1] == "not measured"
    assert len({len(line) for line in (direct, litellm, sekisho, nginx)}) == 1


def test_the_table_stands_without_litellm_and_direct():
    (line,) = lines([Row("sekisho", "Sekisho", {AT_16: figure_of(0, rate=820)})])

    assert (line[5], line[6], line[1]) == ("820", "", "")


def test_json_carries_added_latency_and_the_missing_peers_reason():
    rows = [
        Row("direct", "d", {AT_ONCE: figure_of(0.5, 1.0)}),
        Row("bare", "b", {AT_ONCE: figure_of(1.0, 2.0)}),
        Row("nginx", "n", missing="not installed"),
    ]

    _, bare, nginx = as_data(rows)

    assert bare["cells"][AT_ONCE]["added_p50_ms"] == 0.5
    assert nginx["missing"] == "not installed"


def test_markdown_is_a_table():
    assert markdown(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


PAGE = """\
# TYPE sekisho_stage_seconds histogram
sekisho_stage_seconds_bucket{le="0.001",stage="decide"} 3.0
sekisho_stage_seconds_count{stage="decide"} 250.0
sekisho_stage_seconds_sum{stage="decide"} 0.5
sekisho_stage_seconds_count{endpoint="chat",stage="detect"} 10.0
sekisho_stage_seconds_sum{endpoint="chat",stage="detect"} 1e-01
"""


def test_stage_times_come_from_the_metrics_page():
    assert parse_stages(PAGE).means_ms() == {"decide": 2.0, "detect": 10.0}


def test_stage_times_of_one_run_leave_out_what_was_before():
    before = parse_stages(PAGE)
    after = parse_stages(PAGE.replace("250.0", "260.0").replace(" 0.5", " 0.55"))

    passed = after.since(before).means_ms()

    assert passed == {"decide": pytest.approx(5.0)}


def test_stage_times_are_medians_over_rounds_and_become_a_table():
    pages = [parse_stages(PAGE.replace(" 0.5", f" {seconds}")) for seconds in (0.25, 0.5, 25.0)]
    row = Row("sekisho", "Sekisho", stages_ms={AT_16: median_means_ms(pages)})

    head, body = stage_lines([row], AT_16)

    assert head[1:] == ["decide", "detect"]
    assert body == [["Sekisho", "2.000", "10.000"]]


def test_token_lines_name_what_was_not_measured():
    rows = [
        {"peer": "bare engine", "callers": 1, "tokens_per_second": 100.0, "of_engine": 1.0},
        {"peer": "through Sekisho", "missing": "no store"},
    ]

    _, body = token_lines(rows)

    assert body == [["bare engine", "1", "100.0", "1.000"], ["through Sekisho", "", "not measured", "no store"]]
