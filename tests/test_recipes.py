"""Recipes reach the figures that they are known for; docs/recipes.md has them over five seeds."""

from benchmarks import recipes


def test_the_digits_are_read_in_five_epochs() -> None:
    """scikit-learn's 8x8 digits, a small convolutional net, one cycle: 98 % and more."""
    accuracy, _ = recipes.digits(recipes.fits(1e-2)["one cycle"])(0, 5)
    assert accuracy >= 0.98


def test_xor_needs_a_hidden_layer() -> None:
    assert recipes.xor(0)(0, 200)[0] <= 0.75
    assert recipes.xor(8)(0, 200)[0] == 1.0
