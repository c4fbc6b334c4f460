"""Descent ends where the normal equations are solved."""

import pytest


def test_descent_finds_the_exact_weights_and_those_of_scikit_learn(example, capsys):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    regression, logistic = example("linear").main()
    assert sorted(regression) == ["L-BFGS", "momentum"]
    assert max(regression.values()) < 1e-4
    assert logistic["difference"] < 1e-4
    assert logistic["accuracy"] == pytest.approx(logistic["scikit-learn"], abs=1e-6)
    assert logistic["accuracy"] > 0.97
    assert "momentum     300 epochs: weights differ by at most" in capsys.readouterr().out
