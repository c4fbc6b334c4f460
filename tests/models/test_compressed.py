import json

import pytest
import torch

from learnkit import models
from learnkit.compress import compress
from learnkit.errors import ExportError, ModelError
from learnkit.models.compressed import CompressedModel
from learnkit.models.spec import (
    build_from_spec,
    check_spec,
    n_outputs,
    outline_from_spec,
    takes_photos,
)


def test_it_is_rebuilt_from_its_spec_through_json():
    model = compress(models.cnn(3, channels=(4, 8)), "int8")
    spec = json.loads(json.dumps(model.spec))
    again = build_from_spec(spec)
    again.load_state_dict(model.state_dict())
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(again.eval()(x), model(x))
    assert n_outputs(spec) == 3
    assert takes_photos(spec, 8, 8)
    outline = outline_from_spec(spec).state_dict()
    assert {k: v.shape for k, v in outline.items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    assert all(value.is_meta for value in outline.values())


def test_its_state_has_packed_weights_in_the_place_of_plain_ones():
    plain = models.mlp(4, 3, 2)
    model = compress(plain, "int8")
    names = set(model.state_dict())
    assert names == {f"{i}.{n}" for i in (1, 3) for n in ("bias", "weight.codes", "weight.step")}
    torch.testing.assert_close(model.inner[1].weight, plain[1].weight, atol=0.01, rtol=0)


def test_it_is_not_trained():
    model = compress(models.mlp(4, 3, 2), "int8")
    assert not any(p.requires_grad for p in model.parameters())
    assert model.eval() is model
    with pytest.raises(ModelError) as error:
        model.train()
    assert str(error.value) == (
        "a compressed model is not trained: its packed weights would not follow. Train the model "
        "that it was made of, and compress that again."
    )


def test_a_weight_that_the_model_does_not_have_is_refused():
    with pytest.raises(ModelError) as error:
        CompressedModel(models.mlp(4, 2), {"7.weight": ("int8", 0)})
    assert str(error.value) == (
        "the model has no weight '7.weight' of two axes or more in float32 to compress."
    )


SPEC = compress(models.mlp(4, 3, 2), "int8").spec


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"inner": SPEC},
            "In the model description compressed.inner must be the description of a model that is "
            f"not compressed; found {SPEC}.",
        ),
        (
            {"int8": [1]},
            "In the model description compressed.int8 must be a list of at most 10000 names; found "
            "[1].",
        ),
        (
            {"pruned": {"1.weight": 10**10}},
            "In the model description compressed.pruned must be an object of at most 10000 names "
            "with numbers of weights; found {'1.weight': 10000000000}.",
        ),
        ({"binary": ["1.weight"]}, "The model description compresses a weight twice."),
        (
            {"inner": {"model": "mlp", "sizes": [10**5, 10**5]}},
            "The model description asks for 10000000000 parameters in mlp.sizes; at most "
            "1000000000 are built.",
        ),
    ],
)
def test_a_description_of_a_stranger_is_bounded(changed, message):
    with pytest.raises(ExportError) as error:
        check_spec(SPEC | changed)
    assert str(error.value)[:90] == message[:90]


def test_a_description_of_other_weights_cannot_be_followed():
    with pytest.raises(ExportError) as error:
        build_from_spec(SPEC | {"int8": ["1.bias"]})
    assert str(error.value) == (
        "The model description cannot be followed: the model has no weight '1.bias' of two axes "
        "or more in float32 to compress."
    )
