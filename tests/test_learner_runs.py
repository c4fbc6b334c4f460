"""The fingerprint of a learner: equal where all that decides the numbers is equal."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from learnkit.data.batch import Normalize
from learnkit.data.bunch import DataBunch
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.optim import sgd

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(20, 4, generator=DRAWN)
Y = (X.sum(1) > 0).long()


def bunch(**options: Any) -> DataBunch:
    x, y = options.pop("x", X), options.pop("y", Y)
    return DataBunch.from_arrays(x, y, batch_size=options.pop("batch_size", 5), **options)


def net(seed: int = 0, *, width: int = 3) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, width), nn.Linear(width, 2))


def make(**options: Any) -> Learner:
    data, model = options.pop("data", None), options.pop("model", None)
    options.setdefault("precision", "fp32")
    return Learner(data or bunch(), model or net(), device="cpu", **options)


def by_layer(model: Any) -> list[list[nn.Parameter]]:
    return [list(part.parameters()) for part in model]


def trained(learn: Learner) -> Learner:
    learn.fit(1, 0.05, progress=False)
    return learn


def test_equal_learners_have_the_same_fingerprint_before_and_after_the_same_fit() -> None:
    one, other = make(), make()
    assert re.fullmatch(r"[0-9a-f]{64}", one.fingerprint())
    assert one.fingerprint() == one.fingerprint() == other.fingerprint()
    assert trained(one).fingerprint() == trained(other).fingerprint() != make().fingerprint()


CHANGED: dict[str, Callable[[], Learner]] = {
    "weights": lambda: make(model=net(1)),
    "architecture": lambda: make(model=net(width=5)),
    "samples": lambda: make(data=bunch(x=X + 1)),
    "labels": lambda: make(data=bunch(y=1 - Y)),
    "split": lambda: make(data=bunch(valid_pct=0.4)),
    "batch size": lambda: make(data=bunch(batch_size=4)),
    "class names": lambda: make(data=bunch(classes=["a", "b"])),
    "seed of the data": lambda: make(data=bunch(seed=1)),
    "seed": lambda: make(seed=1),
    "loss": lambda: make(loss_func=nn.CrossEntropyLoss(label_smoothing=0.1)),
    "optimizer": lambda: make(opt_func=sgd),
    "metrics": lambda: make(metrics=accuracy),
    "precision": lambda: make(precision="bf16"),
    "normalisation": lambda: make(normalize=Normalize((0.5,), (0.5,))),
    "bad losses": lambda: make(nonfinite="skip"),
    "parts": lambda: make(micro_batch=2),
    "training of norms": lambda: make(train_bn=True),
    "what trains": lambda: make(splitter=by_layer).freeze(),
    "an earlier fit": lambda: trained(make()),
}


def test_whatever_is_changed_changes_the_fingerprint() -> None:
    found = {"nothing": make().fingerprint()}
    found |= {name: changed().fingerprint() for name, changed in CHANGED.items()}
    same = [(a, b) for a in found for b in found if a < b and found[a] == found[b]]
    assert same == []


def test_where_the_learner_is_kept_and_what_only_looks_on_change_nothing(tmp_path: Any) -> None:
    assert make(path=tmp_path).fingerprint() == make().fingerprint()
