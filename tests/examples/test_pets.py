"""Labels in file names, and a new head on a body."""

import pytest


@pytest.mark.filterwarnings("ignore:check ")
def test_the_head_learns_more_than_chance(example, capsys):
    pytest.importorskip("torchmetrics", reason="needs the extra metrics")
    [accuracy] = example("pets").main()
    assert accuracy > 0.45  # of three classes
    assert "green, red, yellow: 0." in capsys.readouterr().out
