import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from learnkit import Learner, load_learner, models
from learnkit.compress import compress, with_model
from learnkit.data.image_bunch import ImageDataBunch
from learnkit.errors import DataError, ModelError
from learnkit.grad_cam import grad_cam
from learnkit.sanity.names import CHECKS
from learnkit.testing import tiny_learner
from learnkit.vision import cnn_learner


@pytest.fixture(scope="module")
def corner_learner(tmp_path_factory):
    """A net that knows in which class a bright spot is red; the spot may be anywhere."""
    root, drawn = tmp_path_factory.mktemp("spots"), np.random.default_rng(0)
    for i in range(72):
        pixels = drawn.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        row, column = drawn.integers(0, 24, 2)
        pixels[row : row + 8, column : column + 8, 0 if i % 2 else 2] = 255
        path = root / ("train" if i < 60 else "valid") / ("blue", "red")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    data = ImageDataBunch.from_folder(root, size=32, batch_size=12, tfms=None)
    model = models.cnn(2, channels=(8, 16))
    learn = Learner(data, model, metrics="accuracy", device="cpu", mute=CHECKS)
    learn.fit(12, 1e-2, progress=False)
    assert learn.history[-1]["accuracy"] == 1
    return learn


def spot(row, column):
    pixels = np.full((32, 32, 3), 30, np.uint8)
    pixels[row : row + 8, column : column + 8, 0] = 255
    return pixels


@pytest.mark.parametrize(("row", "column"), [(2, 2), (2, 22), (20, 12)])
def test_it_is_hot_where_the_reason_is(corner_learner, row, column):
    heat = grad_cam(corner_learner, spot(row, column), class_="red")
    assert heat.values.shape == (32, 32)
    assert (float(heat.values.min()) >= 0, float(heat.values.max())) == (True, 1.0)
    inside = heat.values[row : row + 8, column : column + 8].mean()
    assert inside > 2 * heat.values.mean()
    assert (heat.label, heat.index) == ("red", 1)


def test_it_is_the_formula_of_the_paper(corner_learner):
    photo = spot(4, 4)
    heat = grad_cam(corner_learner, photo, class_="red")
    layers = list(corner_learner.model.eval())
    body, head = nn.Sequential(*layers[:6]), nn.Sequential(*layers[6:])
    x = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    maps = body(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(head(maps)[0, 1], maps)
    cam = (gradient.mean((2, 3))[0, :, None, None] * maps[0]).sum(0).clamp(min=0)
    cam = nn.functional.interpolate(cam[None, None], size=(32, 32), mode="bilinear")[0, 0]
    torch.testing.assert_close(heat.values, (cam / cam.max()).detach(), atol=1e-4, rtol=1e-3)


def test_an_export_and_a_compressed_model_explain_alike(corner_learner, tmp_path):
    photo = spot(10, 10)
    heat = grad_cam(corner_learner, photo)
    loaded = load_learner(corner_learner.export(tmp_path / "spots"), device="cpu")
    assert torch.equal(grad_cam(loaded, photo).values, heat.values)
    assert grad_cam(loaded, photo).probability == pytest.approx(heat.probability)
    small = with_model(corner_learner, compress(corner_learner.model, "int8"))
    torch.testing.assert_close(grad_cam(small, photo).values, heat.values, atol=0.1, rtol=0)


def test_nothing_of_the_model_is_changed_or_left_in_it(corner_learner):
    model = corner_learner.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [p.grad for p in model.parameters()]
    grad_cam(corner_learner, spot(1, 1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [p.grad for p in model.parameters()] == grads
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_taken_out_after_an_error_too(corner_learner):
    class Breaks(nn.Module):
        def forward(self, x):
            raise RuntimeError("as planned")

    model = nn.Sequential(*list(corner_learner.model)[:6], Breaks())
    other = Learner(corner_learner.data, model, device="cpu", mute=CHECKS)
    for layer in (None, model[2]):
        with pytest.raises(RuntimeError, match="as planned"):
            grad_cam(other, spot(1, 1), layer=layer)
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.usefixtures("no_checks")
def test_a_frozen_body_is_looked_at_as_a_whole(photo_folder):
    data = ImageDataBunch.from_folder(photo_folder, size=64, batch_size=6, tfms=None)
    learn = cnn_learner(data, models.timm("test_resnet"), weights=None, device="cpu", mute=CHECKS)
    learn.freeze()
    heat = grad_cam(learn, next(photo_folder.rglob("*.jpg")), class_=0)
    assert heat.values.shape == (64, 64)
    assert heat.values.isfinite().all()


def test_it_is_drawn(corner_learner, tmp_path):
    pytest.importorskip("matplotlib")
    heat = grad_cam(corner_learner, spot(2, 20))
    heat.draw(tmp_path / "sub" / "heat.png")
    pixels = np.asarray(Image.open(tmp_path / "sub" / "heat.png").convert("RGB"))
    assert pixels.shape == (350, 640, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    assert repr(heat) == f"Heatmap('red' {heat.probability:.1%}, 32 x 32)"


def test_what_cannot_be_explained_is_said(corner_learner, tmp_path):
    photo = spot(1, 1)
    with pytest.raises(ValueError) as error:
        grad_cam(corner_learner, photo, class_="rad")
    assert str(error.value) == (
        "grad_cam: class_ must be one of the 2 classes or its place; got 'rad'. Did you mean 'red'?"
    )
    with pytest.raises(ValueError, match="got 2"):
        grad_cam(corner_learner, photo, class_=2)
    with pytest.raises(ModelError) as error:
        grad_cam(tiny_learner(), photo)
    assert str(error.value) == "grad_cam explains answers about photos; this model takes none."
    with pytest.raises(TypeError) as error:
        grad_cam("model", photo)
    assert str(error.value) == ("grad_cam takes a Learner, or what load_learner gives; got str.")
    with pytest.raises(ModelError) as error:
        grad_cam(corner_learner, photo, layer=corner_learner.model[7])
    assert str(error.value) == (
        "grad_cam: the layer Linear must give maps (B, C, h, w) of more than one pixel; it gave "
        "(1, 2)."
    )
    with pytest.raises(DataError):
        grad_cam(corner_learner, tmp_path / "none.jpg")


def test_a_model_without_maps_is_refused(corner_learner):
    flat = Learner(corner_learner.data, models.mlp(3072, 2), device="cpu", mute=CHECKS)
    with pytest.raises(ModelError) as error:
        grad_cam(flat, spot(1, 1))
    assert str(error.value) == "grad_cam: no layer of the model gives maps (B, C, h, w)."
