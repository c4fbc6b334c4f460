import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnkit import models
from learnkit.errors import ExportError
from learnkit.models.spec import build_from_spec
from learnkit.models.spec_kinds import KIND_NAMES
from learnkit.models.transfer import build_cnn


@pytest.mark.parametrize(
    "build",
    [
        lambda: build_cnn(models.timm("test_resnet"), 5, weights=None),
        lambda: build_cnn(models.timm("test_vit"), 5, weights=None, head="plain", dropout=0.2),
        lambda: build_cnn(models.mobilenet_v3_small, 2, weights=None),
        lambda: models.cnn(4, channels=(4, 8), in_channels=1),
        lambda: models.mlp(6, 5, 4),
        lambda: models.linear(6, 4),
        lambda: models.xresnet18(3),
    ],
)
def test_a_model_is_rebuilt_from_its_spec_through_json(build):
    model = build()
    again = build_from_spec(json.loads(json.dumps(model.spec)))
    assert again.spec == model.spec
    again.load_state_dict(model.state_dict())
    assert str(again) == str(model)


CNN = {"model": "cnn", "backbone": "resnet18", "n_classes": 2, "head": "plain", "dropout": 0.0}
NET = {"model": "convnet", "n_classes": 2, "channels": [4], "in_channels": 3}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "A model description must be a JSON object; found list."),
        (
            {"model": "cn"},
            "The model description names the model 'cn', which learnkit does not have. Did you "
            f"mean 'cnn'? Known: {', '.join(KIND_NAMES)}. The file may be of a newer release.",
        ),
        (
            {},
            "The model description names the model None, which learnkit does not have. "
            f"Known: {', '.join(KIND_NAMES)}. The file may be of a newer release.",
        ),
        ({"model": "mlp"}, "The description of the model 'mlp' lacks the field 'sizes'."),
        (
            {"model": "mlp", "sizes": [2, 2], "sise": 1},
            "The description of the model 'mlp' has the unknown field 'sise'. Did you mean "
            "'sizes'? Known: sizes, activation, norm, dropout, residual, bias, init.",
        ),
        (
            CNN | {"n_classes": True},
            "In the model description cnn.n_classes must be a whole number from 1 to 100000; "
            "found True.",
        ),
        (
            CNN | {"n_classes": 10**12},
            "In the model description cnn.n_classes must be a whole number from 1 to 100000; "
            "found 1000000000000.",
        ),
        (
            CNN | {"dropout": float("nan")},
            "In the model description cnn.dropout must be a number in [0, 1); found nan.",
        ),
        (
            CNN | {"head": "os.system"},
            "In the model description cnn.head must be one of 'fastai', 'plain'; "
            "found 'os.system'.",
        ),
        (
            CNN | {"backbone": ["resnet18"]},
            "In the model description cnn.backbone must be a name; found ['resnet18'].",
        ),
        (
            CNN | {"backbone": "timm/hf-hub:someone/evil"},
            "timm has no model 'hf-hub:someone/evil'. timm.list_models() lists them all.",
        ),
        (
            NET | {"channels": []},
            "In the model description convnet.channels must be a list of 1 to 64 whole numbers "
            "from 1 to 100000; found [].",
        ),
        (
            NET | {"channels": [100_000] * 3},
            "The model description asks for 180002900000 parameters in convnet.channels; at most "
            "1000000000 are built.",
        ),
        (
            {"model": "mlp", "sizes": [100_000] * 64},
            "The model description asks for 630000000000 parameters in mlp.sizes; at most "
            "1000000000 are built.",
        ),
        (
            {"model": "mlp", "sizes": [4]},
            "In the model description mlp.sizes must be a list of at least 2 numbers; found [4].",
        ),
        (
            {"model": "xresnet", "depth": 1000, "n_classes": 2, "in_channels": 3},
            "In the model description xresnet.depth must be one of 18, 34, 50; found 1000.",
        ),
    ],
)
def test_anything_else_is_refused(spec, message):
    with pytest.raises(ExportError) as caught:
        build_from_spec(spec)
    assert str(caught.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(["model", "sizes", "depth", "n_classes", "in_channels", "channels"])
VALUES = st.sampled_from(["mlp", "xresnet", "convnet"]) | JSON


@settings(deadline=None)  # a net on the meta device takes its time
@given(JSON | st.dictionaries(FIELDS, VALUES))
def test_no_json_does_anything_but_build_or_be_refused(spec):
    with torch.device("meta"):
        try:
            model = build_from_spec(spec)
        except ExportError:
            return
    assert model.spec == spec
