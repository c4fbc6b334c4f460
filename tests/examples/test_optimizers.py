"""Who is how far above the bottom of a bowl."""

import pytest


def test_second_derivatives_reach_the_bottom_first(example, tmp_path, capsys):
    pytest.importorskip("sklearn", reason="needs the extra dev")
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    curves = example("optimizers").main(out=tmp_path / "curves.png")
    assert list(curves) == ["GD", "SGD", "momentum", "RMSProp", "Adam", "L-BFGS", "Newton"]
    assert {len(curve) for curve in curves.values()} == {30}
    end = {name: curve[-1] for name, curve in curves.items()}
    assert curves["Newton"][1] < 1e-6
    assert end["Newton"] < end["L-BFGS"] < min(v for k, v in end.items() if k[0] not in "LN")
    assert all(curve[-1] < 0.1 * curve[0] for curve in curves.values())
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert capsys.readouterr().out.splitlines()[0].startswith("loss above its least value")
