"""The example of recommendations, at toy size and on the real ratings."""

import pytest

pytestmark = pytest.mark.usefixtures("no_checks")


def test_factors_explain_what_biases_cannot(example, capsys):
    found = example("collab").main()
    assert found["dot product"] < 0.7 * found["biases and SVD"] < found["biases"] < found["mean"]
    assert found["layers"] < found["biases"]
    assert "best liked, whoever rates: film " in capsys.readouterr().out


@pytest.mark.shared
def test_factors_beat_biases_on_movielens(example, shared_dir):
    found = example("collab").main(shared_dir / "data" / "movie_lens_sample" / "ratings.csv")
    assert found["dot product"] < found["biases"] < found["mean"]
