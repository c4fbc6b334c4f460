"""The example's samples come near the pixels of real digits, for both losses."""

import pytest

pytest.importorskip("sklearn")


@pytest.mark.parametrize("loss", ["dcgan", "wgan-gp"])
def test_samples_come_near_real_digits(example, tmp_path, loss):
    found = example("gan").main(tmp_path, loss=loss)
    real, drawn = found["real"], found["drawn"]
    assert abs(drawn["mean"] - real["mean"]) < 0.06
    assert abs(drawn["std"] - real["std"]) < 0.12
    assert len(list(tmp_path.glob("epoch_*.png"))) == 16
