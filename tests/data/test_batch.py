from collections.abc import Callable

import numpy as np
import pytest
import torch

from learnkit.data.augment import Flip, Lighting
from learnkit.data.batch import BatchPipeline, Normalize
from learnkit.data.presets import get_transforms
from learnkit.errors import DataError
from learnkit.randomness import SampleKeys
from learnkit.types import Batch, Loaded

CPU = torch.device("cpu")
IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
MEAN, STD = (torch.tensor(part)[:, None, None] for part in (IMAGENET.mean, IMAGENET.std))


def loaded(n: int = 6, *, size: tuple[int, int] = (5, 7)) -> Loaded:
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return Loaded(Batch(x, torch.arange(n)), np.arange(n))


def keys(n: int = 6) -> SampleKeys:
    return SampleKeys(1, 0, np.arange(n))


def test_uint8_becomes_float_in_0_to_1_and_is_normalised_by_the_weights_own_numbers() -> None:
    given = loaded()
    plain = BatchPipeline(CPU).prepare(given, keys=None)
    torch.testing.assert_close(plain.x, given.batch.x.float() / 255)
    normal = BatchPipeline(CPU, normalize=IMAGENET).prepare(given, keys=None)
    expected = (given.batch.x.float() / 255 - MEAN) / STD
    torch.testing.assert_close(normal.x, expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(normal.y, given.batch.y)


def test_the_layout_in_memory_stays_and_does_not_change_the_bits() -> None:
    rows = torch.randint(0, 256, (2, 5, 7, 3), dtype=torch.uint8)
    last, first = rows.permute(0, 3, 1, 2), rows.permute(0, 3, 1, 2).contiguous()
    found = [IMAGENET(x) for x in (last, first)]
    assert torch.equal(*found)
    assert [x.stride() for x in found] == [last.stride(), first.stride()]


def test_a_batch_that_somebody_holds_is_not_written_over() -> None:
    pipeline = BatchPipeline(CPU, (), IMAGENET)
    rows = torch.randint(0, 256, (4, 300, 300, 3), dtype=torch.uint8)
    given = [
        Loaded(Batch(x.permute(0, 3, 1, 2), torch.zeros(4)), np.arange(4))
        for x in (rows, 255 - rows)
    ]
    held = pipeline.prepare(given[0], keys=None).x
    again = pipeline.prepare(given[1], keys=None).x
    assert torch.equal(held, IMAGENET(given[0].batch.x))
    assert torch.equal(again, IMAGENET(given[1].batch.x))
    place = held.data_ptr()
    del held
    assert pipeline.prepare(given[1], keys=None).x.data_ptr() == place


def test_normalising_leaves_its_input_alone_even_when_it_is_float_already() -> None:
    for x in (torch.rand(2, 3, 4, 4), torch.rand(2, 4, 4, 3).permute(0, 3, 1, 2)):
        before = x.clone()
        torch.testing.assert_close(IMAGENET(x), (before - MEAN) / STD, atol=1e-6, rtol=1e-6)
        assert torch.equal(x, before)


def test_transforms_run_in_training_only_and_in_the_order_given() -> None:
    calls: list[str] = []

    def named(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def call(x: torch.Tensor) -> torch.Tensor:
            assert x.dtype == torch.float32
            assert float(x.max()) <= 1.0
            calls.append(name)
            return x

        return call

    pipeline = BatchPipeline(CPU, (named("a"), Flip(), named("b")), IMAGENET)
    pipeline.prepare(loaded(), keys=None)
    assert calls == []
    pipeline.prepare(loaded(), keys=keys())
    assert calls == ["a", "b"]


def test_flipping_as_uint8_gives_what_flipping_as_float_gives() -> None:
    given = loaded()
    early = BatchPipeline(CPU, (Flip(),), IMAGENET).prepare(given, keys=keys()).x
    late = BatchPipeline(CPU, (lambda x: x, Flip()), None).prepare(given, keys=keys()).x
    torch.testing.assert_close(early, IMAGENET(late), atol=1e-5, rtol=0)


def test_the_whole_preset_then_normalising_keeps_shape_and_repeats() -> None:
    pipeline = BatchPipeline(CPU, get_transforms().batch, IMAGENET)
    first, second = (pipeline.prepare(loaded(), keys=keys()).x for _ in range(2))
    assert first.shape == (6, 3, 5, 7)
    assert torch.equal(first, second)


def test_two_transforms_of_one_class_have_draws_of_their_own() -> None:
    given = loaded(64)
    twice = BatchPipeline(CPU, (Flip(), Flip())).prepare(given, keys=keys(64)).x
    assert not torch.equal(twice, given.batch.x.float().mul(1.0 / 255.0))


def test_what_is_no_photo_is_only_moved() -> None:
    pipeline = BatchPipeline(CPU)
    for x in (torch.rand(4, 7), torch.arange(8).view(4, 2), torch.ones(4, 7, dtype=torch.uint8)):
        found = pipeline.prepare(Loaded(Batch(x, torch.zeros(4)), np.arange(4)), keys=keys(4))
        assert torch.equal(found.x, x)
        assert found.x.dtype == x.dtype


def test_nested_inputs_keep_their_form() -> None:
    x = {"a": torch.ones(2), "b": [torch.zeros(2), "word"]}
    given = Loaded(Batch(x, torch.zeros(2)), np.arange(2))  # type: ignore[arg-type]
    found = BatchPipeline(CPU).prepare(given, keys=keys(2))
    assert found.x.keys() == x.keys()  # type: ignore[attr-defined]
    assert found.x["b"][1] == "word"  # type: ignore[index]


def test_what_does_not_fit_is_named() -> None:
    flat = Loaded(Batch(torch.rand(4, 7), torch.zeros(4)), np.arange(4))
    with pytest.raises(DataError) as caught:
        BatchPipeline(CPU, (Lighting(),)).prepare(flat, keys=keys(4))
    assert str(caught.value) == (
        "Lighting changes images (B, C, H, W); the loader gives (4, 7). Leave it out of the "
        "transforms."
    )
    with pytest.raises(DataError) as caught:
        IMAGENET(torch.rand(4, 1, 8, 8))
    assert str(caught.value) == (
        "Normalising by 3 channels needs images (B, 3, H, W); found (4, 1, 8, 8)."
    )
    with pytest.raises(ValueError) as unfit:
        Normalize((0.5, 0.5), (0.2,))
    assert str(unfit.value) == (
        "mean and std need one number each for every channel, std above 0; found mean=(0.5, 0.5) "
        "and std=(0.2,)."
    )


def test_torchvisions_own_transforms_work_as_they_are() -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    pipeline = BatchPipeline(CPU, (v2.RandomHorizontalFlip(p=1.0),))
    given = loaded()
    found = pipeline.prepare(given, keys=keys()).x
    torch.testing.assert_close(found, given.batch.x.flip(3).float() / 255)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_prepares_the_same_batch() -> None:
    tfms = get_transforms().batch
    made = [
        BatchPipeline(torch.device(name), tfms, IMAGENET).prepare(loaded(), keys=keys()).x.cpu()
        for name in ("cpu", "cuda")
    ]
    torch.testing.assert_close(made[0], made[1], atol=1e-3, rtol=0)
