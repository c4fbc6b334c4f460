import pytest
import torch
from torch.nn import functional

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.losses import DiceLoss
from learnkit.metrics import accuracy
from learnkit.tasks.colours import class_colour, class_colours
from learnkit.tasks.reading import task_from
from learnkit.tasks.segmentation import Segmentation
from learnkit.types import Batch

THREE = Segmentation(classes=("a", "b", "c"))
LEAVING = Segmentation(classes=("a", "b", "c"), ignore_index=255)


def some(n=2, side=6, *, ignored=0.0):
    generator = torch.Generator().manual_seed(0)
    preds = torch.randn(n, 3, side, side, generator=generator)
    y = torch.randint(0, 3, (n, side, side), generator=generator)
    y[torch.rand(n, side, side, generator=generator) < ignored] = 255
    return preds, Batch(torch.zeros(n, 3, side, side), y)


def test_the_loss_is_the_cross_entropy_of_all_pixels():
    preds, batch = some()
    torch.testing.assert_close(THREE.loss(preds, batch), functional.cross_entropy(preds, batch.y))
    assert THREE.activation == "softmax"
    assert THREE.moves == "mask"


def test_pixels_that_are_left_out_have_no_part_in_the_loss():
    preds, batch = some(ignored=0.3)
    expected = functional.cross_entropy(preds, batch.y, ignore_index=255)
    torch.testing.assert_close(LEAVING.loss(preds, batch), expected)
    changed = torch.where((batch.y == 255)[:, None], preds + 5, preds)
    torch.testing.assert_close(LEAVING.loss(changed, batch), expected)


@pytest.mark.parametrize("loss", [functional.cross_entropy, DiceLoss()])
def test_a_batch_of_which_no_pixel_counts_has_no_loss_and_no_gradient(loss):
    preds, batch = some()
    preds.requires_grad_()
    task = Segmentation(loss, ("a", "b", "c"), 255)
    lost = task.loss(preds, batch._replace(y=torch.full_like(batch.y, 255)))
    lost.backward()
    assert lost.item() == 0
    assert preds.grad is not None
    assert not preds.grad.any()


def test_another_loss_gets_the_pixels_that_count_as_one_row():
    preds, batch = some(ignored=0.3)
    seen = []

    def spy(logits, y):
        seen.append((logits.shape, y.shape))
        return functional.cross_entropy(logits, y)

    n = int((batch.y != 255).sum())
    found = Segmentation(spy, ("a", "b", "c"), 255).loss(preds, batch)
    assert seen == [((1, 3, n), (1, n))]
    torch.testing.assert_close(found, LEAVING.loss(preds, batch))
    dice = Segmentation(DiceLoss(), ("a", "b", "c"), 255).loss(preds, batch)
    assert 0 < float(dice) < 1


def test_metrics_are_not_given_what_is_left_out():
    preds, batch = some(ignored=0.3)
    said, true = LEAVING.compare(preds, batch)
    assert said.shape == (len(true), 3)
    assert len(true) == int((batch.y != 255).sum())
    right = (preds.argmax(1) == batch.y)[batch.y != 255].float().mean()
    torch.testing.assert_close(accuracy(said, true).float(), right)
    assert THREE.compare(preds, batch)[1] is batch.y


def test_a_mask_is_decoded_with_the_shares_of_its_classes():
    row = torch.zeros(3, 2, 5)
    row[0, 0], row[2, 1] = 0.9, 0.8
    found = THREE.decode(row)
    assert found.value.tolist() == [[0] * 5, [2] * 5]
    assert found.value.dtype == torch.int64
    assert found.probabilities.tolist() == [0.5, 0.0, 0.5]
    assert found.labels == ("a", "c")
    assert (found.label, found.index, found.probability) == ("a", 0, 0.5)
    assert str(found) == "a 50.0 %, c 50.0 %"
    assert THREE.is_right(found, found.value) is None


def test_a_mask_is_described_by_its_shares_without_what_is_left_out():
    mask = torch.tensor([[1, 1, 255], [1, 2, 255]])
    assert LEAVING.describe(mask) == "b 75.0 %, c 25.0 %"
    assert LEAVING.describe(torch.full((2, 2), 255)) == "(no class)"
    assert LEAVING.describe(torch.tensor(1)) == ""


def test_an_answer_that_is_no_mask_of_the_classes_is_refused():
    with pytest.raises(ExportError) as refused:
        THREE.decode(torch.zeros(4, 2, 2))
    assert str(refused.value) == (
        "the model answers with shape (4, 2, 2), but its card names 3 classes, so it must be "
        "(3, H, W); the export was changed or put together wrongly."
    )


def test_colours_are_laid_on_all_but_background_and_what_is_left_out():
    task = Segmentation(classes=("background", "pet"), ignore_index=255)
    photo = torch.zeros(3, 2, 2)
    painted = task.paint(photo, torch.tensor([[0, 1], [255, 1]], dtype=torch.uint8))
    half = torch.tensor(class_colour(1)) / 2
    assert torch.equal(painted[:, 0, 0], torch.zeros(3))
    assert torch.equal(painted[:, 1, 0], torch.zeros(3))
    torch.testing.assert_close(painted[:, :, 1], half[:, None].expand(3, 2))
    assert task.paint(photo, torch.tensor(1)) is photo
    larger = task.paint(torch.zeros(3, 4, 4), torch.tensor([[0, 1], [255, 1]]))
    assert torch.equal(larger[:, ::2, ::2], painted)


def test_every_class_has_a_colour_of_its_own():
    colours = class_colours(60)
    assert len({tuple(colour) for colour in colours.tolist()}) == 60
    assert colours.min() >= 0
    assert colours.max() <= 1


@pytest.mark.parametrize(
    ("preds", "y", "words"),
    [
        (
            torch.zeros(2, 3),
            torch.zeros(2, 4, 4).long(),
            "the model must return logits (B, 3, H, W), one for each class and pixel; found "
            "(2, 3). unet_learner makes such a model.",
        ),
        (
            torch.zeros(2, 5, 4, 4),
            torch.zeros(2, 4, 4).long(),
            "the model's output has 5 channels, but the data has 3 classes (a, b, c). Give the "
            "last layer 3 outputs.",
        ),
        (
            torch.zeros(2, 3, 4, 4),
            torch.zeros(2, 8, 8).long(),
            "the model answers for 4 x 4 pixels of 2 photos; the masks must be class numbers of "
            "shape (2, 4, 4), and are int64 of shape (2, 8, 8).",
        ),
        (
            torch.zeros(2, 3, 4, 4),
            torch.full((2, 4, 4), 255),
            "a mask holds 255, but with 3 classes its numbers run from 0 to 2. "
            "Segmentation(..., ignore_index=255) leaves such pixels out.",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_training(preds, y, words):
    with pytest.raises(ModelError) as refused:
        THREE.check(preds, Batch(torch.zeros(2, 3, 4, 4), y))
    assert str(refused.value) == words


def test_what_fits_is_taken():
    preds, batch = some(ignored=0.3)
    LEAVING.check(preds, batch)
    LEAVING.check(preds, batch._replace(y=torch.full_like(batch.y, 255)))


def test_an_export_keeps_what_is_left_out():
    assert THREE.options() == {}
    assert LEAVING.options() == {"ignore_index": 255}
    for task in (THREE, LEAVING):
        back = task_from("segmentation", task.classes, "softmax", Fields(task.options()))
        assert back.ignore_index == task.ignore_index
        assert back.activation == "softmax"
        assert back.classes == task.classes
    with pytest.raises(ValueError, match="'ignore_index' must be a whole number"):
        task_from("segmentation", ("a", "b"), "softmax", Fields({"ignore_index": 1 << 40}))


@pytest.mark.parametrize("wrong", [True, "255", 2.0])
def test_what_is_left_out_is_a_whole_number(wrong):
    with pytest.raises(ValueError, match=r"^ignore_index must be a whole number or None; got"):
        Segmentation(classes=("a", "b"), ignore_index=wrong)
