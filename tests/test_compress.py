import pytest
import torch
from torch import nn

from learnkit import Learner, load_learner, models
from learnkit.callback import Callback
from learnkit.compress import binarize, compress, file_size, prune, with_model
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import ModelError
from learnkit.models.straight_through import is_binary
from learnkit.sanity.names import CHECKS
from learnkit.testing import tiny_learner


def net(**options):
    return models.cnn(3, channels=(4, 8, 8), **options)


def photo_learner(photo_folder, model):
    data = ImageDataBunch.from_folder(photo_folder, size=16, batch_size=6, tfms=None)
    return Learner(data, model, metrics="accuracy", device="cpu", mute=CHECKS)


def zeros(model):
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return sum(int((layer.weight == 0).sum()) for layer in layers)


def test_the_smallest_weights_of_all_layers_together_become_0():
    model = models.mlp(10, 20, 5)
    with torch.no_grad():
        model[1].weight.mul_(100)
    prune(model, 0.3)
    assert zeros(model) == 90  # of 300, and nearly all of the layer of small weights
    assert int((model[3].weight == 0).sum()) > 85
    prune(model, 0.5)
    assert zeros(model) == 90 + 105


def test_whole_channels_become_0_by_their_norm():
    model = net()
    with torch.no_grad():
        model[3].weight[[1, 5]] *= 0.01
    prune(model, 0.25, by="channel")
    empty = (model[3].weight.flatten(1) == 0).all(1)
    assert empty.nonzero().flatten().tolist() == [1, 5]
    assert zeros(model) == 1 * 27 + 2 * 36 + 2 * 72


@pytest.mark.usefixtures("no_checks")
def test_what_was_pruned_stays_0_in_training_and_the_rest_moves(photo_folder):
    learn = photo_learner(photo_folder, net())
    learn.fit(1, progress=False)
    prune(learn.model, 0.6)
    n, before = zeros(learn.model), learn.model[0].weight.detach().clone()
    learn.fit(1, 1e-2, progress=False)
    assert zeros(learn.model) == n
    assert not torch.equal(learn.model[0].weight, before)


@pytest.mark.usefixtures("no_checks")
@pytest.mark.parametrize("how", ["int8", "pruned", "binary"])
def test_an_export_answers_as_the_compressed_learner_does_from_a_smaller_file(
    photo_folder, tmp_path, how
):
    model = net()
    learn = photo_learner(photo_folder, binarize(model) if how == "binary" else model)
    learn.fit(2, 1e-2, progress=False)
    if how == "pruned":
        prune(learn.model, 0.8)
    small = with_model(learn, compress(learn.model, how))
    loaded = load_learner(small.export(tmp_path / "small"), device="cpu")
    photo = next(photo_folder.rglob("*.jpg"))
    ours, theirs = small.predict(photo), loaded.predict(photo)
    assert torch.equal(ours.probabilities, theirs.probabilities)
    before = learn.predict(photo).probabilities
    torch.testing.assert_close(ours.probabilities, before, atol=0.02, rtol=0)
    assert file_size(small.model) < 0.6 * file_size(net())
    written = (tmp_path / "small" / "model.safetensors").stat().st_size
    assert written == file_size(small.model)
    assert set(small.validate()) == {"valid_loss", "accuracy"}


def test_recurrent_layers_and_embeddings_are_rounded_too():
    model = models.char_rnn(30, embedding=16, hidden=32).eval()
    small = compress(model, "int8")
    assert small.spec["int8"] == [
        "embedding.weight",
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
        "decoder.weight",
    ]
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(small(tokens), model(tokens), atol=0.02, rtol=0)
    assert file_size(small) < 0.4 * file_size(model)


def test_the_model_itself_stays_as_it_is():
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    compress(model, "int8")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_the_first_and_the_last_layer_stay_full():
    model = binarize(net())
    layers = [layer for layer in model if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert [is_binary(layer) for layer in layers] == [False, True, True, False]
    assert compress(model, "binary").spec["binary"] == ["3.weight", "6.weight"]


@pytest.mark.usefixtures("no_checks")
@pytest.mark.parametrize("change", [binarize, lambda model: prune(model, 0.5)])
def test_a_fit_that_is_killed_goes_on_with_the_same_bits(photo_folder, tmp_path, change):
    class Dies(Callback):
        looks_on = True

        def after_batch(self, state):
            if state.progress.batches_seen == 5:
                raise KeyboardInterrupt

    straight, killed, resumed = (photo_learner(photo_folder, change(net())) for _ in range(3))
    straight.fit(2, 1e-2, progress=False)
    kept = {"checkpoint": tmp_path / "c", "every_steps": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        killed.fit(2, 1e-2, callbacks=Dies(), **kept)
    resumed.fit(2, 1e-2, **kept)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


@pytest.mark.usefixtures("no_checks")
def test_signs_are_learned(photo_folder):
    learn = photo_learner(photo_folder, binarize(net()))
    before = learn.model[3].parametrizations.weight.original.detach().clone()
    history = learn.fit(8, 1e-2, progress=False)
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 2
    after = learn.model[3].parametrizations.weight.original
    assert (after.sign() != before.sign()).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: prune(net(), 1.0),
            ValueError,
            "prune: amount must be above 0 and below 1; got 1.0.",
        ),
        (
            lambda: prune(net(), 0.5, by="chanel"),
            ValueError,
            "prune: by must be one of weight, channel; got 'chanel'. Did you mean 'channel'?",
        ),
        (
            lambda: prune(models.mlp(3, 2), 0.5, by="channel"),
            ModelError,
            "prune: the model has no convolution to prune.",
        ),
        (
            lambda: prune(nn.ReLU(), 0.5),
            ModelError,
            "prune: the model has no linear or convolution layer to prune.",
        ),
        (
            lambda: binarize(models.mlp(3, 4, 2)),
            ModelError,
            "binarize leaves the first and the last layer as they are, and needs one between; the "
            "model has 2 linear and convolution layers.",
        ),
        (
            lambda: compress(net(), "int4"),
            ValueError,
            "compress: how must be one of binary, int8, pruned; got 'int4'. Did you mean 'int8'?",
        ),
        (
            lambda: compress(net(), "pruned"),
            ModelError,
            "compress: no weight is pruned; prune(model, 0.8) before.",
        ),
        (
            lambda: compress(net(), "binary"),
            ModelError,
            "compress: no weight is binary; binarize(model) before training.",
        ),
        (
            lambda: compress(tiny_learner().model, "int8"),
            ModelError,
            "compress takes a model that learnkit built and that is not compressed yet: a model "
            "with a .spec of its own; see docs/models.md.",
        ),
        (
            lambda: compress(compress(net(), "int8"), "int8"),
            ModelError,
            "compress takes a model that learnkit built and that is not compressed yet: a model "
            "with a .spec of its own; see docs/models.md.",
        ),
    ],
)
def test_what_cannot_be_done_is_said(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message


def test_weights_that_are_not_finite_are_refused():
    model = net()
    with torch.no_grad():
        model[3].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(ModelError) as error:
        compress(model, "int8")
    assert str(error.value) == "compress: 3.weight holds NaN or infinity."
