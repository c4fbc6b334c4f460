from typing import Any

import numpy as np
import pytest
import torch
from torchvision import transforms as v1
from torchvision.transforms import v2

from learnkit.data import run_tfms as module
from learnkit.data.augment import (
    Affine,
    BatchTransform,
    Dihedral,
    Flip,
    Lighting,
    RandomErasing,
)
from learnkit.data.batch import BatchPipeline
from learnkit.data.moved import moved
from learnkit.data.presets import aug_transforms, get_transforms
from learnkit.data.run_tfms import run_tfms
from learnkit.data.warp import identities
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, Loaded
from tests.data.moving_pictures import agreement, off_by, picture_of, regions

MOVING = (
    (Flip(),),
    (Flip(vertical=True),),
    (Dihedral(),),
    (Affine(),),
    (Affine(45.0, 1.6, 0.3, p=1.0, min_zoom=0.6),),
    (Flip(), Affine(), Flip(), Dihedral()),
    get_transforms(flip_vert=True, max_lighting=0.0).batch,
    aug_transforms(max_lighting=0.0).batch,
)


def pictures(n: int = 12, size: tuple[int, int] = (64, 64)) -> tuple[torch.Tensor, torch.Tensor]:
    masks = np.stack([regions(*size, seed) for seed in range(n)])
    x = torch.from_numpy(np.stack([picture_of(mask) for mask in masks])).permute(0, 3, 1, 2)
    return x, torch.from_numpy(masks)


def keys(n: int, epoch: int = 0) -> SampleKeys:
    return SampleKeys(3, epoch, np.arange(n))


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
@pytest.mark.parametrize("tfms", MOVING)
def test_a_picture_that_is_its_mask_stays_so_through_every_transform(
    tfms: Any, size: tuple[int, int]
) -> None:
    x, y = pictures(size=size)
    changed, still = run_tfms(tfms, Batch(x, y), keys(12), moves="mask")
    assert still.dtype == torch.uint8
    assert not torch.equal(still, y)
    pure, right = agreement(changed, still)
    assert pure > 0.75
    assert right > 0.9995


@pytest.mark.parametrize("tfms", [(Flip(),), (Flip(vertical=True),), (Dihedral(),)])
def test_what_only_mirrors_and_turns_loses_no_pixel_of_a_mask(tfms: Any) -> None:
    x, y = pictures(size=(33, 33))
    changed, still = run_tfms(tfms, Batch(x, y), keys(12), moves="mask")
    assert torch.equal(changed.argmax(1).to(torch.uint8), still)


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
@pytest.mark.parametrize("tfms", MOVING)
def test_points_stay_on_what_they_mark(tfms: Any, size: tuple[int, int]) -> None:
    height, width = size
    rng = np.random.default_rng(0)
    x = torch.zeros(40, 3, height, width)
    rows, columns = rng.integers(16, height - 16, 40), rng.integers(16, width - 16, 40)
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        x[i, :, row - 2 : row + 3, column - 2 : column + 3] = 1.0
    middle = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], 1) * 2 - 1
    y = torch.from_numpy(middle).float()
    changed, points = run_tfms(tfms, Batch(x, y), keys(40), moves="points")
    inside = (points.abs() < 0.6).all(1).nonzero()[:, 0].tolist()  # elsewhere it may be cut
    assert len(inside) > 8
    assert max(off_by(changed[i, 0], points[i]) for i in inside) < 0.6
    assert points.dtype == torch.float32


def test_colours_leave_targets_alone() -> None:
    x, y = pictures()
    tfms = (Lighting(p=1.0), RandomErasing(1.0), v2.ColorJitter(0.5), v1.Grayscale(3))
    tfms += (v2.Compose([v2.RandomInvert(), v2.RandomApply([v2.GaussianBlur(3)])]),)
    assert torch.equal(run_tfms(tfms, Batch(x, y), keys(12), moves="mask").y, y)
    points = torch.rand(12, 4)
    assert torch.equal(run_tfms(tfms, Batch(x, points), keys(12), moves="points").y, points)


def test_a_few_samples_at_a_time_keep_photo_and_target_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    tfms = get_transforms().batch
    x, y = pictures(10, (24, 24))
    monkeypatch.setattr(module, "_PART", 10 * 3 * 24 * 24)
    whole = run_tfms(tfms, Batch(x, y), keys(10), moves="mask")
    monkeypatch.setattr(module, "_PART", 3 * 3 * 24 * 24)
    parts = run_tfms(tfms, Batch(x, y), keys(10), moves="mask")
    assert torch.equal(parts.y, whole.y)
    torch.testing.assert_close(parts.x, whole.x, atol=2e-6, rtol=0)
    points = torch.rand(10, 6) * 2 - 1
    few = run_tfms(tfms, Batch(x, points), keys(10), moves="points").y
    monkeypatch.setattr(module, "_PART", 10 * 3 * 24 * 24)
    torch.testing.assert_close(few, run_tfms(tfms, Batch(x, points), keys(10), moves="points").y)


def test_labels_of_a_batch_that_does_not_move_them_are_the_very_same() -> None:
    x, y = pictures()
    assert run_tfms(get_transforms().batch, Batch(x, y), keys(12)).y is y


def test_masks_may_have_a_channel_and_keep_their_type() -> None:
    x, y = pictures()
    flat = run_tfms((Affine(),), Batch(x, y.long()), keys(12), moves="mask").y
    deep = run_tfms((Affine(),), Batch(x, y.long()[:, None]), keys(12), moves="mask").y
    assert flat.dtype == torch.int64
    assert torch.equal(deep[:, 0], flat)


def test_points_beyond_the_border_and_missing_ones_move_too() -> None:
    points = torch.tensor([[1.5, 0.5, float("nan"), 0.0]])
    found = moved(points, identities(1) * torch.tensor([-1.0, 1.0, 1.0])[:, None], "points", (4, 4))
    assert found[0, :2].tolist() == [-1.5, 0.5]
    assert found[0, 2].isnan()


class Rolled(BatchTransform):
    """One of the user's, which moves pixels."""

    moves_pixels_only = True

    def __call__(self, batch: Batch, keys: SampleKeys) -> Batch:
        return batch._replace(x=batch.x.roll(1, 3))


def test_one_of_the_users_own_that_moves_pixels_must_say_where() -> None:
    x, y = pictures(2)
    assert run_tfms((Rolled(),), Batch(x, y), keys(2)).y is y
    with pytest.raises(DataError) as refused:
        run_tfms((Rolled(),), Batch(x, y), keys(2), moves="mask")
    assert str(refused.value) == (
        "Rolled moves pixels, and masks or points must move with them: give it moves_by(keys, "
        "height, width), which says where each place was before; or leave it out of tfms."
    )


@pytest.mark.parametrize(
    "tfm",
    [
        v2.RandomHorizontalFlip(),
        v2.RandomRotation(30),
        v2.Compose([v2.RandomResizedCrop(48, antialias=True), v2.ColorJitter(0.01)]),
    ],
)
def test_torchvisions_second_version_takes_masks_along(tfm: Any) -> None:
    x, y = pictures()
    changed, still = run_tfms((tfm,), Batch(x, y), keys(12), moves="mask")
    assert still.shape == (12, *changed.shape[2:])
    assert not torch.equal(still, y)
    values, places = changed.float().max(1)
    pure = values > 0.9 * changed.max()
    assert (places[pure] == still[pure]).float().mean() > 0.995


def test_torchvisions_others_are_refused_where_targets_would_stay_behind() -> None:
    x, y = pictures(2)
    with pytest.raises(DataError) as refused:
        run_tfms((v1.RandomHorizontalFlip(),), Batch(x, y), keys(2), moves="mask")
    assert str(refused.value) == (
        "RandomHorizontalFlip of torchvision.transforms.transforms may move pixels, and cannot "
        "take the masks along. Take it from torchvision.transforms.v2."
    )
    inner = v2.Compose([v2.ColorJitter(), v2.RandomRotation(9)])
    with pytest.raises(DataError) as refused:
        run_tfms((inner,), Batch(x, torch.zeros(2, 4)), keys(2), moves="points")
    assert str(refused.value) == (
        "RandomRotation of torchvision.transforms.v2._container may move pixels, and cannot take "
        "the points along. Take Flip, Dihedral, Affine or get_transforms()."
    )


def test_a_callable_that_changes_the_size_of_photos_alone_is_noticed() -> None:
    x, y = pictures(2)
    with pytest.raises(DataError) as refused:
        run_tfms((lambda one: one[:, :, ::2],), Batch(x, y), keys(2), moves="mask")
    assert str(refused.value) == (
        "Masks must be whole numbers of shape (2, 32, 64), one for each pixel of the photos; found "
        "uint8 of shape (2, 64, 64)."
    )


@pytest.mark.parametrize("y", [torch.zeros(2), torch.zeros(2, 3), torch.zeros(2, 4).long()])
def test_what_are_no_points_does_not_move(y: torch.Tensor) -> None:
    with pytest.raises(DataError, match=r"^Points must be floats of shape \(2, 2 P\)"):
        run_tfms((Flip(),), Batch(pictures(2)[0], y), keys(2), moves="points")


def test_the_pipeline_moves_masks_and_makes_them_the_numbers_that_losses_take() -> None:
    x, y = pictures()
    loaded = Loaded(Batch(x, y), np.arange(12))
    pipeline = BatchPipeline(torch.device("cpu"), (Dihedral(),), moves="mask")
    trained = pipeline.prepare(loaded, keys=keys(12))
    assert trained.y.dtype == torch.int64
    assert torch.equal(trained.x.argmax(1), trained.y)
    validated = pipeline.prepare(loaded, keys=None)
    assert torch.equal(validated.y, y.long())


def test_the_pipeline_knows_how_targets_can_move() -> None:
    with pytest.raises(ValueError, match=r"^moves must be one of '', 'mask', 'points': found 'mas"):
        BatchPipeline(torch.device("cpu"), moves="masks")  # type: ignore[arg-type]
