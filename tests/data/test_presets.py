import pytest

from learnkit.data.augment import Affine, Dihedral, Flip, Lighting, RandomErasing
from learnkit.data.geometry import RandomResizedCrop
from learnkit.data.presets import (
    Transforms,
    aug_transforms,
    default_transforms,
    get_transforms,
)


def test_the_presets_values_are_fastais() -> None:
    assert default_transforms() == Transforms(RandomResizedCrop(0.35), (Flip(0.5),))
    assert get_transforms() == Transforms(
        RandomResizedCrop(min_scale=0.35),
        (Flip(0.5), Affine(10.0, 1.1, 0.2, 0.75), Lighting(0.2, 0.75)),
    )
    assert get_transforms(flip_vert=True, max_lighting=0, max_warp=0, max_zoom=1).batch == (
        Dihedral(),
        Affine(10.0, 1, 0, 0.75),
    )
    assert get_transforms(do_flip=False, p_affine=0, p_lighting=0).batch == ()


def test_a_misspelt_option_of_the_preset_names_the_right_one() -> None:
    with pytest.raises(TypeError) as caught:
        get_transforms(max_rotat=3)  # type: ignore[call-arg]
    assert str(caught.value) == (
        "get_transforms() has no argument 'max_rotat'. Did you mean 'max_rotate'?"
    )


def test_the_preset_of_fastai_v2_has_its_values() -> None:
    assert aug_transforms() == Transforms(
        None, (Flip(0.5), Affine(10.0, 1.1, 0.2, 0.75), Lighting(0.2, 0.75))
    )
    assert aug_transforms(do_flip=False, p_affine=0, p_lighting=0) == Transforms()
    assert aug_transforms(flip_vert=True, max_rotate=0, max_warp=0, max_zoom=1.0).batch == (
        Dihedral(0.5),
        Lighting(0.2, 0.75),
    )


def test_mult_makes_rotation_light_and_perspective_stronger_and_nothing_else() -> None:
    assert aug_transforms(mult=2.0, max_rotate=20, min_zoom=0.9).batch == (
        Flip(0.5),
        Affine(40.0, 1.1, 0.4, 0.75, min_zoom=0.9),
        Lighting(0.4, 0.75),
    )
    assert aug_transforms(mult=0).batch == (Flip(0.5), Affine(0, 1.1, 0, 0.75))
    with pytest.raises(ValueError) as caught:
        aug_transforms(mult=5)
    assert str(caught.value) == "max_lighting must be in [0, 1), found 1.0."


def test_a_smaller_min_scale_crops_boxes_of_the_targets_aspect() -> None:
    preset = aug_transforms(min_scale=0.75)
    assert preset.crop == RandomResizedCrop(0.75, ratio=(1.0, 1.0))
    assert preset.batch == aug_transforms().batch


def test_transforms_of_ones_own_run_last() -> None:
    assert aug_transforms(xtra_tfms=[RandomErasing()]).batch[-1] == RandomErasing()
