"""What no plain script can do is refused in a sentence, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnkit import models
from learnkit.callback import Callback
from learnkit.callbacks.saves.save_best import SaveBest
from learnkit.data.bunch import DataBunch
from learnkit.eject import script
from learnkit.errors import ExportError
from learnkit.learner import Learner

pytestmark = pytest.mark.filterwarnings("ignore:check ")

X = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()


def bunch(**options: Any) -> DataBunch:
    return DataBunch.from_arrays(X, Y, batch_size=5, **options)


def make(data: DataBunch | None = None, model: nn.Module | None = None, **options: Any) -> Learner:
    options.setdefault("precision", "fp32")
    return Learner(data or bunch(), model or models.mlp(4, 3, 2), device="cpu", **options)


def fitted(learn: Learner, **options: Any) -> Learner:
    learn.fit(1, progress=False, **options)
    return learn


class Doubling(Callback):
    """Changes the loss."""

    def after_loss(self, state: Any) -> None:
        state.loss = state.loss * 2


class Mine(nn.Module):
    """A model of the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class Lion(torch.optim.SGD):
    """An optimizer of the user's."""


def my_loss(preds: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(preds, targets)


def hooked() -> Learner:
    learn = fitted(make())
    learn.model[1].register_forward_hook(lambda *_: None)
    return learn


def changed() -> Learner:
    learn = fitted(make())
    with torch.no_grad():
        learn.model[1].weight[0, 0] += 1
    return learn


def buffered() -> Learner:
    learn = fitted(make())
    learn.model.register_buffer("mine", torch.ones(1), persistent=False)
    return learn


def nudged() -> Learner:
    learn = fitted(make())
    with torch.no_grad():
        weight = learn.model[1].weight
        weight[0, 0] = torch.nextafter(weight[0, 0], torch.tensor(9.0))
    return learn


def with_odd_setting() -> Learner:
    learn = fitted(make())
    learn.optimizer.defaults["mine"] = object()
    return learn


def twice() -> nn.Module:
    layer = nn.Linear(4, 4, bias=False)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(4, 2))


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
    net[2].weight = net[0].weight
    return net


def with_other_data() -> Learner:
    learn = fitted(make())
    learn.data = bunch()
    return learn


def with_changed_data() -> Learner:
    x = X.clone()
    learn = fitted(make(DataBunch.from_arrays(x, Y, batch_size=5)))
    x.numpy()[0, 0] += 1e-3  # which torch does not count
    return learn


def carried() -> Learner:
    return fitted(changed())


def torch_loader() -> Learner:
    dataset = torch.utils.data.TensorDataset(X, Y)
    loader = torch.utils.data.DataLoader(dataset, batch_size=5)
    return fitted(make(DataBunch.from_dls(loader, classes=["a", "b"])))


def own_dataset() -> Learner:
    pairs: Any = [(x, int(y)) for x, y in zip(X, Y, strict=True)]
    return fitted(make(DataBunch.from_dataset(pairs, classes=["a", "b"], batch_size=5)))


INSTEAD = (
    "Give the data as files (ImageDataBunch.from_folder and the like) or as tensors "
    "(DataBunch.from_arrays), or put your own code into a script of your own."
)
REFUSED: dict[str, tuple[Callable[[], Learner], str]] = {
    "no fit": (make, "eject writes what was trained, and this learner has run no fit yet."),
    "a callback that takes part": (
        lambda: fitted(make(), callbacks=Doubling()),
        "The callback Doubling takes part in training, and eject writes GradientClip and "
        "EarlyStopping alone; those that only look on (looks_on = True) are left out. Train "
        "without it, or put what it does into a script of your own.",
    ),
    "weights changed since": (
        changed,
        "The weights are no longer those that the last fit ended with (loaded, restored as "
        "SaveBest(restore=True) does, or changed by hand), so a script would end with others. "
        "Eject right after the fit.",
    ),
    "weights changed between two fits": (
        carried,
        "The run cannot be ejected: the weights were changed after an earlier fit, while the "
        "optimizer carried its momentum on. Make the learner anew and train it in one go.",
    ),
    "a loss of the user's": (
        lambda: fitted(make(loss_func=my_loss)),
        "eject writes losses of torch alone, and this learner has my_loss. Train with a loss of "
        "torch.nn or torch.nn.functional, or put your own into a script of your own.",
    ),
    "a model of the user's": (
        lambda: fitted(make(model=Mine())),
        "eject writes models of learnkit, and nn.Sequential of layers of torch.nn; model is Mine, "
        "whose code it does not know. Put its class into a script of your own, or build it of "
        "such layers.",
    ),
    "a hook": (
        hooked,
        "The model's part '1' is no longer what its constructor makes (another setting, a buffer, "
        "a hook or another layer), and eject writes constructors. Build it of layers of torch.nn "
        "in nn.Sequential.",
    ),
    "a buffer at the top": (
        buffered,
        "The model itself is no longer what its constructor makes (another setting, a buffer, a "
        "hook or another layer), and eject writes constructors. Build it of layers of torch.nn in "
        "nn.Sequential.",
    ),
    "a layer in two places": (
        lambda: fitted(make(model=twice())),
        "0.weight and 2.weight share one tensor in this model, and eject writes constructors, "
        "which say nothing of it. Give each layer tensors of its own, or put the model into a "
        "script of your own.",
    ),
    "a weight of two layers": (
        lambda: fitted(make(model=tied())),
        "0.weight and 2.weight share one tensor in this model, and eject writes constructors, "
        "which say nothing of it. Give each layer tensors of its own, or put the model into a "
        "script of your own.",
    ),
    "a small change of a weight": (
        nudged,
        "The weights are no longer those that the last fit ended with (loaded, restored as "
        "SaveBest(restore=True) does, or changed by hand), so a script would end with others. "
        "Eject right after the fit.",
    ),
    "other data": (
        with_other_data,
        "The learner's data is another one than that of each fit (learn.data was set), and eject "
        "writes one for all of them. Eject before the data changes, or train each stage with a "
        "learner of its own.",
    ),
    "other data between two fits": (
        lambda: fitted(with_other_data()),
        "The learner's data is another one than that of each fit (learn.data was set), and eject "
        "writes one for all of them. Eject before the data changes, or train each stage with a "
        "learner of its own.",
    ),
    "data changed in place": (
        with_changed_data,
        "The tensors or labels of the data were changed in place since a fit saw them, so a "
        "script would train on others. Eject right after the fit, or train on a copy.",
    ),
    "an optimizer of the user's": (
        lambda: fitted(make(opt_func=Lion)),
        "eject writes the optimizers of torch.optim but L-BFGS and Muon, and this learner has "
        "Lion. Train with one of these, such as opt_func=learnkit.sgd.",
    ),
    "a setting of no constructor": (
        with_odd_setting,
        "The optimizer's setting 'mine' is none that eject can write as an argument of "
        "torch.optim.AdamW. Give plain numbers, which its constructor takes.",
    ),
    "L-BFGS": (
        lambda: fitted(make(opt_func=torch.optim.LBFGS)),
        "eject writes the optimizers of torch.optim but L-BFGS and Muon, and this learner has "
        "L-BFGS. Train with one of these, such as opt_func=learnkit.sgd.",
    ),
    "Muon": (
        lambda: fitted(make(opt_func=torch.optim.Muon)),
        "eject writes the optimizers of torch.optim but L-BFGS and Muon, and this learner has "
        "Muon. Train with one of these, such as opt_func=learnkit.sgd.",
    ),
    "a DataLoader": (
        torch_loader,
        f"The data comes from TorchLoader, which may run code of yours, so eject cannot write "
        f"it. {INSTEAD}",
    ),
    "a dataset": (
        own_dataset,
        f"The samples come from Subset of list, whose code eject does not know. {INSTEAD}",
    ),
    "a transform of the user's": (
        lambda: fitted(make(bunch(tfms=[torch.neg]))),
        "tfms[0] is neg, and eject writes learnkit's own transforms alone: Affine, Dihedral, Flip, "
        "Lighting, RandomErasing and the presets made of them. Leave it out, or put it into a "
        "script of your own.",
    ),
    "parts of batches": (
        lambda: fitted(make(micro_batch=2)),
        "eject does not write micro_batch=2, whose bits a plain loop would not have. Train with "
        "precision='fp32' or 'bf16' on a CPU or CUDA device, not compiled and in whole batches.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_plain_script_can_do_is_named(name: str, tmp_path: Path) -> None:
    learn, message = REFUSED[name][0](), REFUSED[name][1]
    with pytest.raises(ExportError) as caught:
        learn.eject(tmp_path / "train.py")
    assert str(caught.value) == message
    assert list(tmp_path.glob("train*")) == []


class Interrupt(Callback):
    """Presses Ctrl-C in the second epoch, from where it only looks on."""

    looks_on = True

    def after_batch(self, state: Any) -> None:
        if state.progress.epochs_done == 1:
            raise KeyboardInterrupt


def test_a_fit_that_was_interrupted_is_refused_also_after_another(tmp_path: Path) -> None:
    learn = make()
    with pytest.raises(KeyboardInterrupt):
        learn.fit(3, callbacks=Interrupt(), progress=False)
    with pytest.raises(ExportError, match="cannot be ejected: it ended with KeyboardInterrupt"):
        learn.eject(tmp_path / "train.py")
    fitted(learn)
    with pytest.raises(ExportError, match="cannot be ejected: it ended with KeyboardInterrupt"):
        learn.eject(tmp_path / "train.py")


def test_a_fit_that_was_resumed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make().fit(3, callbacks=Interrupt(), progress=False, checkpoint=tmp_path / "run")
    learn = make()
    learn.fit(3, progress=False, checkpoint=tmp_path / "run")
    with pytest.raises(ExportError, match="a part of it ran before it was resumed"):
        learn.eject(tmp_path / "train.py")


def test_the_best_weights_of_another_epoch_are_refused(tmp_path: Path) -> None:
    learn = make()
    worst = SaveBest(tmp_path / "best.safetensors", "train_loss", mode="max")
    learn.fit(3, callbacks=worst, progress=False)
    with pytest.raises(ExportError, match="no longer those that the last fit ended with"):
        learn.eject(tmp_path / "train.py")


def test_a_fit_that_was_refused_leaves_the_one_before_it_to_eject(tmp_path: Path) -> None:
    learn = fitted(make())
    with pytest.raises(ValueError, match="lr has 3 values"):
        learn.fit(1, [1.0, 2.0, 3.0])
    assert learn.eject(tmp_path / "train.py").is_file()


@pytest.mark.parametrize("name", ["train.safetensors", "train.json", "train"])
def test_a_script_that_would_overwrite_its_own_files_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        fitted(make()).eject(tmp_path / name)
    assert str(caught.value) == (
        f"eject writes a Python script, and {name} does not end in .py; its weights go beside it "
        "under the same name. Call learn.eject('train.py')."
    )
    assert list(tmp_path.glob("train*")) == []


def test_a_script_that_is_no_python_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "head", lambda *_: "def (")
    with pytest.raises(ExportError) as caught:
        fitted(make()).eject(tmp_path / "train.py")
    assert str(caught.value) == (
        "The script would be no Python (invalid syntax (<unknown>, line 1)), which is a mistake of "
        "learnkit and not yours. Nothing was written; please report it."
    )
    assert list(tmp_path.glob("train*")) == []
