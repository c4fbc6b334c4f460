import pytest
import torch
from torchvision.transforms import v2

from learnkit.data.augment import Flip
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.options import (
    ImageOptions,
    check_batch_size,
    check_batch_tfms,
    check_size,
    check_transforms,
    check_workers,
)
from learnkit.data.presets import Transforms, default_transforms, get_transforms
from learnkit.errors import DataError


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def options(**changed):
    defaults = {
        "size": 224,
        "resize": "crop",
        "batch_size": 64,
        "bs": None,
        "tfms": None,
        "num_workers": None,
        "seed": 42,
        "cache": None,
        "errors": "skip",
    }
    return ImageOptions.checked(**{**defaults, **changed})


def test_size_is_an_int_or_a_pair():
    assert check_size(32) == (32, 32)
    assert check_size((32, 64)) == check_size([32, 64]) == (32, 64)


@pytest.mark.parametrize("size", [0, -1, True, 2.5, "224", (1, 2, 3), (0, 5), (1.5, 2), None, ()])
def test_another_size_is_refused(size):
    assert message_of(check_size, size) == (
        "size must be the pixels per side or a pair (height, width), each at least 1: "
        f"found {size!r}."
    )


def test_batch_size_has_two_names():
    assert check_batch_size(32, None) == check_batch_size(64, 32) == check_batch_size(32, 32) == 32
    assert message_of(check_batch_size, 16, 32) == (
        "batch_size=16 and bs=32 are two names of one option: give one of them."
    )


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, "64"])
def test_another_batch_size_is_refused(batch_size):
    said = f"batch_size must be a whole number of at least 1: found {batch_size!r}."
    assert message_of(check_batch_size, batch_size, None) == said
    assert message_of(check_batch_size, 64, batch_size) == said


def test_workers_are_counted_from_zero():
    assert [check_workers(n) for n in (None, 0, 3)] == [None, 0, 3]
    assert message_of(check_workers, -1) == (
        "num_workers must be a whole number of at least 0, or None: found -1."
    )


def test_transforms_come_in_several_forms():
    crop, flip = RandomResizedCrop(0.5), Flip()
    assert check_transforms("default") == default_transforms()
    assert check_transforms(get_transforms()) == get_transforms()
    assert check_transforms(None) == Transforms(None, ())
    assert check_transforms(flip) == Transforms(None, (flip,))
    assert check_transforms([torch.relu, flip]) == Transforms(None, (torch.relu, flip))
    assert check_transforms((crop, flip)) == Transforms(crop, (flip,))


def test_transforms_keep_their_order():
    given = [torch.relu, Flip(), torch.abs]
    assert check_transforms(given).batch == tuple(given)


def test_something_else_is_no_transform():
    assert message_of(check_transforms, ["flip"]) == "tfms[0] is no transform: 'flip'."
    assert message_of(check_transforms, [RandomResizedCrop(), Flip]) == (
        "tfms[1] is no transform: Flip. Did you mean Flip()?"
    )
    assert message_of(check_transforms, [Flip(), RandomResizedCrop()]) == (
        "RandomResizedCrop must be the first of tfms: it runs while loading."
    )
    assert message_of(check_transforms, "none") == (
        "tfms must be 'default', None, get_transforms() or a list of transforms: found 'none'."
    )
    assert message_of(check_transforms, Flip) == (
        "tfms[0] is no transform: Flip. Did you mean Flip()?"
    )
    assert message_of(check_transforms, 3) == (
        "tfms must be 'default', None, get_transforms() or a list of transforms: found 3."
    )


def test_what_mixes_labels_is_refused_wherever_it_stands():
    said = (
        "tfms[1] has CutMix, which mixes samples with their labels: tfms change one sample at a "
        "time, and no labels. Mix in the collate_fn of a DataLoader, and give that to "
        "DataBunch.from_dls."
    )
    mixing = v2.Compose([v2.Identity(), v2.CutMix(num_classes=3)])
    assert message_of(check_transforms, [Flip(), mixing]) == said
    assert message_of(check_transforms, [RandomResizedCrop(), mixing]) == said
    assert message_of(check_transforms, Transforms(batch=(Flip(), mixing))) == said


def test_normalising_in_training_alone_is_warned_of():
    normal = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])])
    with pytest.warns(UserWarning, match="Normalize") as warned:
        assert check_transforms([Flip(), normal]).batch == (Flip(), normal)
    assert str(warned[0].message) == (
        "tfms[1] has Normalize, but tfms change training batches alone: validation and prediction "
        "will see other numbers. Leave it out; cnn_learner normalises by the backbone's own mean "
        "and std, Learner by normalize=Normalize(mean, std)."
    )


def test_a_crop_needs_image_files():
    assert check_batch_tfms([Flip()]) == (Flip(),)
    assert check_transforms(RandomResizedCrop(0.5)) == Transforms(RandomResizedCrop(0.5), ())
    assert message_of(check_batch_tfms, "default") == (
        "A random crop runs while image files are loaded, which is not done here: crop in the "
        "dataset, and give the other transforms as tfms=get_transforms(...).batch."
    )


def test_other_options_are_checked():
    assert message_of(options, resize="squash") == (
        "resize must be one of 'crop', 'pad', 'squish': found 'squash'. Did you mean 'squish'?"
    )
    assert message_of(options, cache="disc") == (
        "cache must be 'auto', 'ram', 'disk' or None: found 'disc'. Did you mean 'disk'?"
    )
    assert message_of(options, cache=True) == (
        "cache must be 'auto', 'ram', 'disk' or None: found True."
    )
    assert message_of(options, errors="rise") == (
        "errors must be 'skip', 'raise' or the share of unreadable images to allow, from 0 to 1: "
        "found 'rise'. Did you mean 'raise'?"
    )
    assert message_of(options, seed="a") == "seed must be a whole number: found 'a'."


@pytest.mark.parametrize("cache", ["auto", "ram", "disk", None])
@pytest.mark.parametrize("errors", ["skip", "raise", 0.2])
def test_every_cache_and_way_with_errors_is_accepted(cache, errors):
    assert options(cache=cache, errors=errors).errors == errors
