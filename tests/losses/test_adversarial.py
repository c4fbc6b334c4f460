"""Losses of two nets, against binary cross entropy and by hand."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from learnkit.losses.adversarial import AdversarialLoss, NonSaturating, Wasserstein

REAL, FAKE = torch.tensor([0.5, -2.0, 40.0]), torch.tensor([1.0, 3.0, -40.0])
ONES, ZEROS = torch.ones(3), torch.zeros(3)
BCE = F.binary_cross_entropy_with_logits


def test_the_game_of_dcgans_is_binary_cross_entropy_with_the_label_real() -> None:
    game = NonSaturating()
    both = BCE(REAL, ONES, reduction="none") + BCE(FAKE, ZEROS, reduction="none")
    torch.testing.assert_close(game.critic(REAL, FAKE), both)
    torch.testing.assert_close(game.generator(FAKE), BCE(FAKE, ONES, reduction="none"))
    preds = torch.stack([REAL, FAKE], 1)
    torch.testing.assert_close(game(preds, ZEROS), both.mean())


def test_where_the_critic_is_sure_the_generator_still_has_a_gradient() -> None:
    score = torch.tensor([-30.0], requires_grad=True)
    NonSaturating().generator(score).sum().backward()
    torch.testing.assert_close(score.grad, torch.tensor([-1.0]))


def test_the_wasserstein_loss_is_the_difference_of_the_scores() -> None:
    game = Wasserstein(3.0)
    assert game.critic(REAL, FAKE).tolist() == [0.5, 5.0, -80.0]
    assert game.generator(FAKE).tolist() == [-1.0, -3.0, 40.0]
    torch.testing.assert_close(game(torch.stack([REAL, FAKE], 1), ZEROS), torch.tensor(-74.5 / 3))


def test_both_are_losses_for_two_nets() -> None:
    assert isinstance(NonSaturating(), AdversarialLoss)
    assert isinstance(Wasserstein(), AdversarialLoss)
    assert (NonSaturating().penalty, Wasserstein().penalty) == (0.0, 10.0)


@pytest.mark.parametrize("penalty", [0.0, -1.0, 1e7, float("nan")])
def test_a_penalty_out_of_range_is_refused(penalty: Any) -> None:
    with pytest.raises(ValueError, match="penalty must be a number above 0, at most 1e"):
        Wasserstein(penalty)
