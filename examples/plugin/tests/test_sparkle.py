"""The callback: the loop's contract, and what it prints."""

import pytest
from learnkit_sparkle import Sparkle, spark_line

from learnkit.testing import check_callback, tiny_learner


def test_sparkle_keeps_the_contract():
    check_callback(Sparkle)


def test_a_line_is_printed_after_each_epoch(capsys):
    tiny_learner().fit(2, callbacks=Sparkle(), progress=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["epoch 1: ", "epoch 2: "]
    assert len(lines[0].split()[2]) == 4  # batches


def test_a_line_goes_from_the_least_to_the_greatest():
    assert spark_line([0.0, 1.0, 2.0, 7.0]) == "▁▂▃█"
    assert spark_line([1.0, 1.0]) == "▁▁"
    assert spark_line([0.0, float("nan"), 1.0]) == "▁!█"
    assert spark_line([]) == ""


def test_a_long_line_is_averaged():
    assert spark_line([0.0, 2.0, 3.0, 5.0], width=2) == "▁█"


def test_a_width_that_is_no_width_is_refused():
    with pytest.raises(ValueError, match=r"^Sparkle: width must be at least 1; got 0\.$"):
        Sparkle(width=0)
