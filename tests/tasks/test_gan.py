"""Whose turn it is, which net gets gradients, and what validation looks at."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit.errors import ModelError
from learnkit.json_fields import Fields
from learnkit.losses.adversarial import NonSaturating, Wasserstein
from learnkit.models.dcgan import dcgan_critic, dcgan_generator
from learnkit.models.gan import GANModel
from learnkit.tasks.gan import GAN
from learnkit.tasks.gan_turns import CriticTurn, GeneratorTurn, gradient_penalty
from learnkit.tasks.reading import task_from
from learnkit.types import Batch

X = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
BATCH = Batch(X, torch.zeros(6, dtype=torch.int64))


def model(norm: Any = "none") -> GANModel:
    generator = dcgan_generator((1, 4, 4), n_latent=3, channels=[4])
    return GANModel(generator, dcgan_critic((1, 4, 4), channels=[4, 8], norm=norm))


def with_gradients(net: nn.Module) -> set[str]:
    return {n.partition(".")[0] for n, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("n_critic", [1, 2, 5])
def test_the_critic_has_so_many_batches_and_the_generator_one(n_critic: int) -> None:
    task = GAN(n_critic=n_critic)
    kinds = [type(task.turn(step)) for step in range(2 * (n_critic + 1))]
    assert kinds == ([CriticTurn] * n_critic + [GeneratorTurn]) * 2
    assert task.turns == n_critic + 1


@pytest.mark.parametrize("loss", [NonSaturating(), Wasserstein()], ids=["dcgan", "wgan-gp"])
def test_in_each_turn_one_net_gets_gradients_and_the_other_none_at_all(loss: Any) -> None:
    task = GAN(loss)
    for step, name in enumerate(["critic", "generator"]):
        net, turn = model(), task.turn(step)
        turn.loss(turn.forward(net, BATCH), BATCH).backward()
        assert with_gradients(net) == {name}
        assert all(p.requires_grad for p in net.parameters())


def test_the_losses_are_those_of_the_scores() -> None:
    net, task = model().eval(), GAN()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        fake = net(torch.randn(6, 3))
        real, score = net.critic(X), net.critic(fake)
        for step, expected in enumerate([torch.stack([real, score], 1), score[:, None]]):
            torch.manual_seed(1)
            preds = task.turn(step).forward(net, BATCH)
            torch.testing.assert_close(preds, expected)
    critic, generator = task.turn(0), task.turn(1)
    known = torch.tensor([[0.0, 0.0], [2.0, -2.0]])
    wanted = (2 * torch.log(torch.tensor(2.0)) + 2 * torch.log1p(torch.tensor(-2.0).exp())) / 2
    torch.testing.assert_close(critic.loss(known, BATCH), wanted)
    torch.testing.assert_close(generator.loss(known[:1, :1], BATCH), torch.tensor(2.0).log())


def test_the_penalty_is_that_of_the_paper_for_a_critic_whose_gradient_is_known() -> None:
    weights = torch.full((1, 1, 4, 4), 0.5)  # of norm 2, whatever the picture

    def critic(x: Tensor) -> Tensor:
        return (x * weights).flatten(1).sum(1)

    penalty = gradient_penalty(critic, X, torch.zeros_like(X))
    torch.testing.assert_close(penalty, torch.ones(6))


def test_the_critics_loss_has_its_penalty_where_gradients_are_wanted_and_only_there() -> None:
    turn, net = GAN(Wasserstein(7.0)).turn(0), model()
    preds = turn.forward(net, BATCH)
    assert preds.shape == (6, 3)
    expected = (preds[:, 1] - preds[:, 0] + 7 * preds[:, 2]).mean()
    torch.testing.assert_close(turn.loss(preds, BATCH), expected)
    with torch.no_grad():
        assert turn.forward(net, BATCH).shape == (6, 2)
    assert GAN(NonSaturating()).turn(0).forward(net, BATCH).shape == (6, 2)


def test_the_penalty_is_computed_in_full_precision_under_autocast() -> None:
    net, seen = model(), []
    net.critic.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        GAN(Wasserstein()).turn(0).forward(net, BATCH)
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]


def test_validation_looks_at_both_scores_and_metrics_get_generated_and_real_pictures() -> None:
    task, net = GAN(Wasserstein()), model().eval()
    before = torch.get_rng_state()
    with torch.no_grad():
        preds, again = task.forward(net, BATCH), task.forward(net, BATCH)
    assert torch.equal(preds, again)
    assert torch.equal(torch.get_rng_state(), before)
    task.check(preds, BATCH)
    drawn, real = task.compare(preds, BATCH)
    assert torch.equal(real, X)
    torch.testing.assert_close(preds[:, 0], net.critic(X))
    torch.testing.assert_close(preds[:, 1], net.critic(drawn))
    torch.testing.assert_close(task.loss(preds, BATCH), (preds[:, 1] - preds[:, 0]).mean())


def test_a_critic_that_scores_patches_gives_their_mean() -> None:
    net = model()
    net.critic = nn.Conv2d(1, 1, 2)
    found = GAN().turn(0).forward(net, BATCH)[:, 0]
    torch.testing.assert_close(found, net.critic(X).mean((1, 2, 3)))


class Bad(nn.Module):
    """Gives a fixed answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("part", "answer", "message"),
    [
        (
            "critic",
            torch.zeros(2, 1),
            "the critic must give a score for each picture, (B,); found (2, 1).",
        ),
        ("critic", None, "the critic must give a score for each picture, (B,); found NoneType."),
        (
            "generator",
            torch.zeros(6, 1, 2, 2),
            "the generator gives pictures (6, 1, 2, 2); those of the data are (6, 1, 4, 4).",
        ),
    ],
)
def test_nets_that_do_not_fit_are_refused_in_words(part: str, answer: Any, message: str) -> None:
    net = model()
    setattr(net, part, Bad(answer))
    with pytest.raises(ModelError) as caught:
        GAN().turn(0).forward(net, BATCH)
    assert str(caught.value) == message


def test_a_model_of_one_net_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        GAN().forward(nn.Linear(2, 2), BATCH)
    assert str(caught.value) == (
        "Linear has no generator; the GAN task needs a model of two nets: "
        "learnkit.models.GANModel(generator, critic)."
    )


@pytest.mark.parametrize("n_critic", [0, -1, 1.5, True, 1001])
def test_turns_out_of_range_are_refused(n_critic: Any) -> None:
    with pytest.raises(ValueError, match="n_critic must be a whole number from 1 to 1000; got"):
        GAN(n_critic=n_critic)


def test_a_loss_for_one_net_is_refused() -> None:
    with pytest.raises(TypeError, match="a GAN's loss_func has a loss for each of two nets"):
        GAN(nn.MSELoss())


def test_an_export_draws_and_has_no_loss() -> None:
    read = task_from("gan", (), "identity", Fields(GAN().options()))
    assert isinstance(read, GAN)
    assert read.decode(X[0]).value.shape == (1, 4, 4)
