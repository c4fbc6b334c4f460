"""The line that a linear model draws, and the bend of a hidden layer."""

import pytest


def test_a_hidden_layer_solves_xor_for_20_of_20_seeds_of_the_default_recipe(example):
    xor = example("xor")
    for seed in range(20):
        assert xor.train("XOR", "hidden", seed).history[-1]["accuracy"] == 1, seed


def test_a_linear_model_solves_and_and_or_and_never_xor(example, capsys, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    found = example("xor").main(out=tmp_path / "xor.png")
    assert found["AND", "linear"] == found["OR", "linear"] == [4]
    assert found["AND", "hidden"] == found["OR", "hidden"] == found["XOR", "hidden"] == [4]
    assert max(found["XOR", "linear"]) < 4
    said = capsys.readouterr().out.splitlines()
    assert said[4] == "XOR linear: 4 of 4 for 0 of 1 seeds"
    assert said[5] == "XOR hidden: 4 of 4 for 1 of 1 seeds"
    assert (tmp_path / "xor.png").stat().st_size > 10_000
