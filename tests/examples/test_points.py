"""A bright spot is found by a model that never saw its picture."""

import pytest


@pytest.mark.filterwarnings("ignore:check ")
def test_the_spot_is_found_better_than_by_the_mean(example, capsys):
    [(off, mean)] = example("points").main()
    assert off < 0.7 * mean
    assert capsys.readouterr().out.startswith("seed 0: off by 0.")
