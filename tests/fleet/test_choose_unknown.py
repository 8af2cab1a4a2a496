"""A target of which nothing was seen gets one request, and no second one before that has told how fast it is."""

from gateway.fleet.choose.chooser import Chooser
from gateway.fleet.choose.terms import Ask, Candidate, Place, Seen

ASK = Ask("m", prompt_tokens=400, max_tokens=100)
CPU = Place("cpu", 1_000_000_000)


def known(chooser: Chooser, target: str, seconds: float) -> None:
    """Have it seen answers of which each token took so long."""
    for _ in range(8):
        seen = Seen(
            prompt_tokens=400, prompt_seconds=400 * seconds / 10, output_tokens=100, output_seconds=100 * seconds
        )
        chooser.observe(target, "m", seen, CPU)


def best(chooser: Chooser, held: int) -> str:
    usual = Candidate("usual", "m", slots=8, held=2, place=CPU)
    return chooser.rank([usual, Candidate("new", "m", slots=8, held=held, place=CPU)], ASK, 0.0)[0].target


def test_the_first_request_goes_to_an_unknown_target_where_its_device_is_usually_faster():
    chooser = Chooser()
    known(chooser, "usual", 0.15)

    assert best(chooser, held=0) == "new"


def test_the_second_one_does_not_before_the_first_was_answered():
    chooser = Chooser()
    known(chooser, "usual", 0.15)

    assert best(chooser, held=1) == "usual"
    known(chooser, "new", 0.05)
    assert best(chooser, held=1) == "new"


def test_more_go_there_where_it_is_the_best_even_if_it_were_so_much_slower():
    chooser = Chooser()
    known(chooser, "usual", 5.0)

    assert best(chooser, held=1) == "new"
