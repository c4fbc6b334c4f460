"""What keeps a deep net from learning, and what mends it."""

import pytest


def test_ten_sigmoids_learn_nothing_and_each_remedy_helps(example, capsys):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    found = example("deep_nets").main()
    accuracy, ratio = found["sigmoid", 10]
    assert accuracy < 0.2  # ten classes
    assert ratio < 1e-6 < 1e-3 < found["sigmoid", 2][1]
    assert found["ReLU, zeros", 2] == (pytest.approx(0.1, abs=0.02), 0.0)
    for name in ("sigmoid, BatchNorm", "ReLU, He", "ReLU, residual", "ReLU, residual, BatchNorm"):
        assert found[name, 10][0] > 0.6, name
        assert 0.05 < found[name, 10][1] < 20, name
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 14
    assert table[0].split()[-2:] == ["2", "10"]
