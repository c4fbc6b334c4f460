"""Losses of classes: the papers' formulas, torch's and timm's numbers, and what they refuse."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from learnkit import losses
from learnkit.data.bunch import DataBunch
from learnkit.errors import ModelError
from learnkit.learner import Learner
from learnkit.losses import (
    BinaryCrossEntropy,
    DiceLoss,
    FocalLoss,
    LabelSmoothing,
    PolyLoss,
    activation_name,
)
from learnkit.runs.identity import described

K = 3
ALL = [LabelSmoothing(), FocalLoss(), PolyLoss(), BinaryCrossEntropy(), DiceLoss()]
IDS = [type(loss).__name__ for loss in ALL]


def samples(n: int = 6, *dense: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    preds = torch.randn(n, K, *dense, dtype=torch.float64)
    return preds, torch.randint(K, (n, *dense))


def one_hot(targets: Tensor) -> Tensor:
    return F.one_hot(targets, K).movedim(-1, 1).double()


@pytest.mark.parametrize("loss", ALL, ids=IDS)
@pytest.mark.parametrize("dense", [(), (4, 5)])
def test_class_numbers_and_full_shares_are_the_same_targets(loss: Any, dense: Any) -> None:
    preds, targets = samples(6, *dense)
    torch.testing.assert_close(loss(preds, targets), loss(preds, one_hot(targets)))
    torch.testing.assert_close(loss(preds, targets.to(torch.uint8)), loss(preds, targets))


@pytest.mark.parametrize(
    "loss",
    [LabelSmoothing(), PolyLoss(), FocalLoss(gamma=0), BinaryCrossEntropy(smoothing=0.1)],
    ids=["smoothing", "poly", "focal", "binary"],
)
def test_of_mixed_targets_the_loss_is_the_mixture_of_losses(loss: Any) -> None:
    """MixUp's equation 2, for losses that are linear in the targets."""
    preds, targets = samples()
    other = targets.flip(0)
    mixed = 0.3 * one_hot(targets) + 0.7 * one_hot(other)
    expected = 0.3 * loss(preds, targets) + 0.7 * loss(preds, other)
    torch.testing.assert_close(loss(preds, mixed), expected)


@pytest.mark.parametrize("loss", [FocalLoss(0), PolyLoss(0), LabelSmoothing(0)])
@pytest.mark.parametrize("dense", [(), (4, 5)])
def test_without_its_term_a_loss_is_cross_entropy(loss: Any, dense: Any) -> None:
    preds, targets = samples(6, *dense)
    torch.testing.assert_close(loss(preds, targets), F.cross_entropy(preds, targets))


def test_label_smoothing_is_torchs() -> None:
    preds, targets = samples()
    expected = F.cross_entropy(preds, targets, label_smoothing=0.2)
    torch.testing.assert_close(LabelSmoothing(0.2)(preds, targets), expected)
    targets[:2] = -100
    expected = F.cross_entropy(preds[2:], targets[2:], label_smoothing=0.2)
    torch.testing.assert_close(LabelSmoothing(0.2)(preds, targets), expected)


def test_focal_loss_is_equation_5() -> None:
    """p = 0.9: 0.01 times cross entropy; p = 0.5: 0.25 times; alpha weighs by class."""
    preds = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    targets = torch.tensor([0, 1])
    one, two = 0.01 * -torch.tensor(0.9).log(), 0.25 * -torch.tensor(0.5).log()
    torch.testing.assert_close(FocalLoss()(preds, targets), (one + two) / 2)
    weighted = FocalLoss(alpha=(0.25, 0.75))(preds, targets)
    torch.testing.assert_close(weighted, (0.25 * one + 0.75 * two) / 2)


def test_focal_loss_is_that_of_torchvision_where_two_classes_are_one_sigmoid() -> None:
    from torchvision.ops import sigmoid_focal_loss

    score, targets = torch.randn(9), torch.randint(2, (9,))
    expected = sigmoid_focal_loss(score, targets.float(), alpha=-1, gamma=2, reduction="mean")
    preds = torch.stack([torch.zeros(9), score], 1)
    torch.testing.assert_close(FocalLoss(2)(preds, targets), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_sure_sample_has_a_finite_gradient(gamma: float) -> None:
    preds = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    loss = FocalLoss(gamma)(preds, torch.tensor([0, 0]))
    loss.backward()
    assert loss.isfinite()
    assert preds.grad is not None
    assert preds.grad.isfinite().all()


def test_poly_loss_is_equation_6() -> None:
    preds, targets = samples()
    right = preds.softmax(1).gather(1, targets[:, None]).squeeze(1)
    expected = (-right.log() + 2 * (1 - right)).mean()
    torch.testing.assert_close(PolyLoss(2.0)(preds, targets), expected)


def test_binary_cross_entropy_is_timms() -> None:
    from timm.loss import BinaryCrossEntropy as Theirs

    preds, targets = samples()
    preds = preds.float()
    for options in (
        {"smoothing": 0.1},
        {"smoothing": 0.0},
        {"smoothing": 0.0, "sum_classes": True},
    ):
        expected = Theirs(**options)(preds, targets)
        torch.testing.assert_close(BinaryCrossEntropy(**options)(preds, targets), expected)  # type: ignore[arg-type]
    mixed = 0.15 * one_hot(targets).float() + 0.85 * one_hot(targets.flip(0)).float()
    expected = Theirs(smoothing=0.0, target_threshold=0.2)(preds, mixed)
    torch.testing.assert_close(BinaryCrossEntropy(threshold=0.2)(preds, mixed), expected)


def test_dice_loss_by_hand() -> None:
    """Half a probability everywhere, 3 of 4 pixels: 1 - (2 * 1.5 + 1) / (2 + 3 + 1) = 1/3."""
    mask = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    loss = DiceLoss(activation="sigmoid")
    torch.testing.assert_close(loss(torch.zeros(1, 1, 2, 2), mask), torch.tensor(1 / 3))
    torch.testing.assert_close(
        loss(torch.zeros(1, 1, 2, 2), mask.squeeze(1).long()), torch.tensor(1 / 3)
    )
    sure = torch.tensor([[[40.0, -40.0]], [[-40.0, 40.0]]]).movedim(1, 2)  # (2, 2, 1)
    assert float(DiceLoss()(sure, torch.tensor([[0], [1]]))) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_the_mean_over_a_batch_is_the_weighted_mean_of_its_parts(loss: Any) -> None:
    preds, targets = samples(6, 4, 5)
    parts = (2 * loss(preds[:2], targets[:2]) + 4 * loss(preds[2:], targets[2:])) / 6
    torch.testing.assert_close(loss(preds, targets), parts)


@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_half_precision_is_summed_in_float32_also_in_autocast(loss: Any) -> None:
    preds, targets = samples(6, 4, 5)
    half = preds.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(half, targets)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(half.float(), targets))
    assert loss(half, one_hot(targets).bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("loss", ALL, ids=IDS)
def test_a_loss_is_a_value_with_an_activation(loss: Any) -> None:
    expected = "sigmoid" if isinstance(loss, BinaryCrossEntropy) else "softmax"
    assert activation_name(loss) == expected
    assert copy.deepcopy(loss) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert hash(loss) == hash(type(loss)())


def test_dice_loss_of_masks_goes_with_the_sigmoid() -> None:
    assert activation_name(DiceLoss(activation="sigmoid")) == "sigmoid"


def test_the_words_for_a_resumed_fit_name_all_options() -> None:
    assert described(FocalLoss(alpha=(1, 2))) == "FocalLoss(gamma=2.0, alpha=[1.0, 2.0])"  # type: ignore[arg-type]
    assert described(LabelSmoothing()) == "LabelSmoothing(eps=0.1)"
    assert described(DiceLoss()) == "DiceLoss(activation='softmax', smooth=1.0)"
    assert described(BinaryCrossEntropy(threshold=0.2)) == (
        "BinaryCrossEntropy(smoothing=0.0, threshold=0.2, sum_classes=False)"
    )


@pytest.mark.parametrize(("loss", "name"), list(zip(ALL, IDS, strict=True)), ids=IDS)
@pytest.mark.parametrize(
    ("targets", "found"),
    [
        (torch.zeros(6, 1).long(), "int64 of shape (6, 1)"),
        (torch.zeros(6), "float32 of shape (6,)"),
        (torch.zeros(6, 3).long(), "int64 of shape (6, 3)"),
        (torch.zeros(6, 3).bool(), "bool of shape (6, 3)"),
        (torch.zeros(6, dtype=torch.int32), "int32 of shape (6,)"),
    ],
)
def test_targets_that_are_no_classes_are_shown(
    loss: Any, name: str, targets: Tensor, found: str
) -> None:
    for call in (loss, loss.check):
        with pytest.raises(ModelError) as caught:
            call(torch.zeros(6, 3), targets)
        assert str(caught.value) == (
            f"{name} takes class numbers, int64 of shape (6,), or shares of classes, floats of "
            f"shape (6, 3); the targets are {found}. Change them in the dataset: "
            + ("y.float()." if targets.shape == (6, 3) else "y.long(), y.squeeze(1).")
        )


@pytest.mark.parametrize(("loss", "name"), list(zip(ALL, IDS, strict=True)), ids=IDS)
def test_one_output_is_no_class(loss: Any, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        loss(torch.zeros(6, 1), torch.zeros(6).long())
    assert str(caught.value) == (
        f"{name} takes logits (B, K) of K >= 2 classes; the model returned shape (6, 1). Give the "
        "last layer as many outputs as there are classes."
    )


@pytest.mark.parametrize(("loss", "name"), list(zip(ALL, IDS, strict=True)), ids=IDS)
@pytest.mark.parametrize("wrong", [3, -1])
def test_check_names_a_label_out_of_range(loss: Any, name: str, wrong: int) -> None:
    with pytest.raises(ModelError) as caught:
        loss.check(torch.zeros(2, 3), torch.tensor([0, wrong]))
    assert str(caught.value) == (
        f"a label is {wrong}, but the model's output has width 3, and {name} takes labels from 0 "
        "to 2. Check the dataset's targets, or give the last layer as many outputs as there are "
        "classes."
    )


@pytest.mark.parametrize(("loss", "name"), list(zip(ALL, IDS, strict=True)), ids=IDS)
def test_check_names_shares_out_of_range(loss: Any, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        loss.check(torch.zeros(2, 3), torch.full((2, 3), 1.5))
    assert str(caught.value) == (
        f"{name} takes shares of classes in [0, 1]; the targets run from 1.5 to 1.5. For values "
        "use a loss such as mse_loss."
    )


def test_check_lets_pass_what_is_right() -> None:
    preds, targets = samples(6, 4, 5)
    for loss in ALL:
        loss.check(preds, targets)  # type: ignore[attr-defined]
        loss.check(preds, one_hot(targets))  # type: ignore[attr-defined]
        loss.check(preds[:0], targets[:0])  # type: ignore[attr-defined]
    LabelSmoothing().check(torch.zeros(2, 3), torch.tensor([-100, 0]))
    LabelSmoothing().check(torch.zeros(1, 3), torch.tensor([-100]))
    DiceLoss(activation="sigmoid").check(torch.zeros(1, 1, 2), torch.ones(1, 2))


@pytest.mark.parametrize("loss", [*ALL, DiceLoss(activation="sigmoid")])
def test_of_an_empty_batch_every_loss_is_nan(loss: Any) -> None:
    targets = torch.zeros(0, 3) if loss.activation == "sigmoid" else torch.zeros(0).long()
    for preds in (torch.zeros(0, 3), torch.zeros(0, 3, 4, 5)):
        extra = preds.shape[2:]
        empty = torch.zeros(*targets.shape, *extra, dtype=targets.dtype)
        assert loss(preds, empty).isnan()


def test_masks_of_other_shapes_or_values_are_shown() -> None:
    loss = DiceLoss(activation="sigmoid")
    with pytest.raises(ModelError) as caught:
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4))
    assert str(caught.value) == (
        'DiceLoss(activation="sigmoid") takes logits and masks of 0 and 1 of one shape, such as '
        "(B, 1, H, W); the model returned (2, 3, 4, 4) for targets of shape (2, 4, 4). For class "
        "numbers take DiceLoss()."
    )
    with pytest.raises(ModelError) as caught:
        loss.check(torch.zeros(1, 1, 2), torch.tensor([[[0.0, 255.0]]]))
    assert str(caught.value) == (
        'DiceLoss(activation="sigmoid") takes masks of 0 and 1; the targets run from 0 to 255. '
        "Masks of 0 and 255 become these by y / 255."
    )


def test_a_weight_is_needed_for_each_class() -> None:
    with pytest.raises(ModelError) as caught:
        FocalLoss(alpha=(1.0, 2.0))(torch.zeros(2, 3), torch.tensor([0, 1]))
    assert str(caught.value) == (
        "FocalLoss(alpha) has 2 weights, but the model's output has width 3. Give one for each "
        "class."
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LabelSmoothing(1), "LabelSmoothing(eps) is at least 0 and below 1; got 1."),
        (
            lambda: LabelSmoothing(float("nan")),
            "LabelSmoothing(eps) is at least 0 and below 1; got nan.",
        ),
        (lambda: FocalLoss(-1), "FocalLoss(gamma) is at least 0; got -1."),
        (lambda: FocalLoss("2"), "FocalLoss(gamma) is a number; got '2'."),  # type: ignore[arg-type]
        (
            lambda: FocalLoss(alpha=0.25),
            "FocalLoss(alpha) is a weight for each class, such as (0.25, 0.75); got 0.25.",
        ),  # type: ignore[arg-type]
        (lambda: FocalLoss(alpha=(1, -1)), "FocalLoss(alpha): each weight is at least 0; got -1."),
        (lambda: PolyLoss(-2), "PolyLoss(eps) is at least -1; got -2."),
        (
            lambda: BinaryCrossEntropy(smoothing=0.1, threshold=0.2),
            "BinaryCrossEntropy takes smoothing or threshold: a threshold makes smoothed shares 0 "
            "and 1 again. Leave one of them out.",
        ),
        (
            lambda: DiceLoss(smooth=0),
            "DiceLoss(smooth) is above 0: an empty area over an empty one is NaN.",
        ),
        (
            lambda: DiceLoss(activation="sigmoyd"),  # type: ignore[arg-type]
            "DiceLoss(activation) is softmax or sigmoid; got 'sigmoyd'. Did you mean 'sigmoid'?",
        ),
    ],
)
def test_an_option_that_does_not_fit_is_said_at_once(make: Callable[[], Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert str(caught.value) == words


@pytest.mark.parametrize("loss", ALL[:4], ids=IDS[:4])
def test_a_learner_trains_by_it_and_predicts_with_its_activation(loss: Any) -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 4)
    y = x[:, :3].argmax(1)
    data = DataBunch.from_arrays(x, y, batch_size=12, valid_pct=0.2, classes=["a", "b", "c"])
    learn = Learner(data, torch.nn.Linear(4, 3), loss_func=loss, device="cpu")
    learn.fit(3, lr=0.1, progress=False)
    history = [row["train_loss"] for row in learn.history]
    assert history[-1] < history[0]
    sums = learn.get_preds().preds.sum(1)
    is_softmax = bool(torch.allclose(sums, torch.ones_like(sums)))
    assert is_softmax == (activation_name(loss) == "softmax")


def test_every_name_of_the_package_exists() -> None:
    assert dir(losses) == sorted(losses.__all__)
    assert [name for name in losses.__all__ if not hasattr(losses, name)] == []
