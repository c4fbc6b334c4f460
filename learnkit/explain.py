"""What was decided for the user, why, and how to decide otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from textwrap import wrap
from typing import Any, Final

from torch import nn

from learnkit.data.image_bunch import ImageDataBunch
from learnkit.data.loader import ImageLoader
from learnkit.device import device_words
from learnkit.learner_base import DEFAULT_LR
from learnkit.learner_runs import LearnerRuns
from learnkit.models.fast_body import has_fast_body
from learnkit.models.freeze import BATCH_NORMS
from learnkit.names import did_you_mean
from learnkit.optim import adamw, has_decay, spread_rates
from learnkit.reprs import table

_WIDTH: Final = 96
_HOLD_OUT: Final = ("valid_pct", "valid", "valid_df", "valid_col", "split", "stratified", "seed")


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was decided.

    Attributes:
        what: the thing.
        chosen: what it is now.
        why: the reason, or whose decision it was.
        change: what to write to decide otherwise.
    """

    what: str
    chosen: str
    why: str
    change: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All decisions, in the order in which a batch meets them; prints as a text."""

    decisions: tuple[Decision, ...]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __getitem__(self, what: str) -> Decision:
        """Return the decision about one thing.

        Raises:
            KeyError: naming the nearest there is.
        """
        for decision in self.decisions:
            if decision.what == what:
                return decision
        known = [decision.what for decision in self.decisions]
        hint = did_you_mean(what, known) or f" There is: {', '.join(known)}."
        raise KeyError(f"nothing is said about {what!r}.{hint}")

    def __str__(self) -> str:
        indent = 2 + max(len(decision.what) for decision in self.decisions)
        lines: list[str] = []
        for d in self.decisions:
            lines.append(f"{d.what:<{indent}}{d.chosen}")
            for line in wrap(f"{d.why}. Change: {d.change}", _WIDTH - indent):
                lines.append(" " * indent + line)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(d.what, d.chosen, d.why, d.change) for d in self.decisions]
        return table(rows, head=("what", "chosen", "why", "to change it"))


def explain(learn: LearnerRuns) -> Explanation:
    """Return what holds for the next fit of a learner: about its data, model, optimizer, numbers.

    Nothing is computed; the optimizer is built if there is none yet.
    """
    return Explanation((*_data(learn), *_model(learn), *_optimizer(learn), *_numbers(learn)))


def _data(learn: LearnerRuns) -> Iterator[Decision]:
    data, train = learn.data, learn.data.train_dl
    options = _options_of(type(data))
    valid = data.valid_dl.n_samples if data.valid_dl is not None else 0
    yield Decision(
        "split",
        f"{train.n_samples} train, {valid} valid",
        data.split or "as the loaders are",
        ", ".join(f"{name}=" for name in _HOLD_OUT if name in options)
        + (", or folders train and valid" if "from_folder" in options else ""),
    )
    if isinstance(data, ImageDataBunch):
        height, width = data.size
        yield Decision(
            "size",
            f"{height} x {width} pixels, resize {data.resize!r} in validation",
            "224 is what most weights were trained at; less is faster",
            "size=, resize=",
        )
    if isinstance(train, ImageLoader):
        yield Decision(
            "workers",
            f"{train.num_workers} threads decode; decoded photos are kept {train.kept}",
            "every core this process may use; kept in memory where they fit, else in a file",
            "num_workers=, cache=",
        )
    if "tfms" in options:
        yield _augmentation(learn)
    yield Decision(
        "batch size",
        f"{train.batch_size}, {len(train)} batches an epoch",
        "64 unless given; a batch that does not fit into memory is computed in parts "
        f"(micro_batch={learn.micro_batch!r})",
        "batch_size=, micro_batch=",
    )
    if learn.normalize is not None:
        yield Decision(
            "normalisation",
            f"mean {_numbers_of(learn.normalize.mean)}, std {_numbers_of(learn.normalize.std)}",
            "what the weights were trained with; inside the learner, so an export has it too",
            "normalize=",
        )


def _options_of(kind: type) -> set[str]:
    """Return the names of a bunch's own ``from_*`` and of all options that they take."""
    for parent in kind.__mro__:
        makers = {name for name in vars(parent) if name.startswith("from_")}
        if makers:
            taken = (signature(getattr(parent, name)).parameters for name in makers)
            return makers.union(*taken)
    return set()


def _augmentation(learn: LearnerRuns) -> Decision:
    train, names = learn.data.train_dl, [_name_of(tfm) for tfm in learn.data.batch_tfms]
    crop = train.crop if isinstance(train, ImageLoader) else None
    chosen = ", ".join([*([] if crop is None else [_name_of(crop)]), *names]) or "none"
    why = "in training only; the draws depend on the seed, the epoch and the sample"
    if chosen == "none":
        why = "samples of this kind are not changed unless asked for"
    return Decision("augmentation", chosen, why, "tfms=get_transforms(), or a list of your own")


def _model(learn: LearnerRuns) -> Iterator[Decision]:
    model, groups = learn.model, learn.layer_groups
    trains = [any(p.requires_grad for p in group) for group in groups]
    numbers = [i for i, any_trains in enumerate(trains) if any_trains]
    pretrained = has_fast_body(model) and len(groups) > 1
    frozen = "a new head first learns on a body that already can see" if pretrained else "frozen"
    which = f" (number {', '.join(map(str, numbers))})" if 0 < len(numbers) < len(groups) else ""
    yield Decision(
        "freezing",
        f"{len(numbers)} of {len(groups)} layer groups train{which}",
        "everything trains" if all(trains) else frozen,
        "learn.freeze(), learn.unfreeze(), learn.freeze_to(n)",
    )
    if any(isinstance(module, BATCH_NORMS) for module in model.modules()):
        words = {
            None: ("trains with its layer group", "the usual rule"),
            True: ("trains everywhere", "as asked: fastai's rule"),
            False: (
                "kept outside the last group",
                "statistics of pretrained weights did better on few photos (docs/defaults.md)",
            ),
        }[learn.train_bn]
        yield Decision("BatchNorm", *words, "train_bn=")
    yield Decision(
        "loss",
        _name_of(getattr(learn.task, "loss_func", learn.task)),
        "as given" if learn.loss_given else "of the data, or what fits the targets",
        "loss_func=",
    )


def _optimizer(learn: LearnerRuns) -> Iterator[Decision]:
    optimizer, n, plan = learn.optimizer, len(learn.layer_groups), learn.last_plan
    why = "fastai's settings of AdamW, fused where torch has it"
    given = "as given" if learn.opt_func is not adamw else why
    yield Decision("optimizer", type(optimizer).__name__, given, "opt_func=")
    rates = spread_rates(DEFAULT_LR if plan is None else plan.lr, n)
    yield Decision(
        "rates",
        ", ".join(f"{rate:.3g}" for rate in dict.fromkeys(rates)),
        "the default of fit: measured, see docs/defaults.md" if plan is None else "of the last fit",
        "fit(5, 1e-3), fit(5, slice(1e-5, 1e-3)); learn.lr_find() suggests one",
    )
    yield Decision(
        "schedule",
        "flat, then cosine" if plan is None else plan.schedule_name,
        "the last epochs end on settled weights" if plan is None else "of the last fit",
        "schedule=, fit_one_cycle",
    )
    if has_decay(optimizer):
        spared = [p for g in optimizer.param_groups if not g["decayed"] for p in g["params"]]
        decay = 0.01 if plan is None else plan.weight_decay
        yield Decision(
            "weight decay",
            f"{decay:g}, not on {sum(p.numel() for p in spared):,} weights",
            "norms and biases are not decayed (Goyal et al. 2017, arXiv 1706.02677)",
            "weight_decay=",
        )


def _numbers(learn: LearnerRuns) -> Iterator[Decision]:
    where = device_words(learn.device)
    yield Decision("device", where, "the best there is unless given", "device=")
    yield Decision("precision", learn.precision.name, learn.precision_reason, "precision=")
    yield Decision(
        "seed",
        str(learn.seed),
        "order, crops, dropout and the head's first weights follow from it: equal runs, equal bits",
        "seed=",
    )
    yield Decision(
        "NaN loss",
        f"nonfinite={learn.nonfinite!r}",
        "a run must not be lost silently; in each way the weights stay those before the batch",
        'nonfinite="stop", "skip" or "rollback"',
    )


def _name_of(thing: Any) -> str:
    if isinstance(thing, nn.Module) or not hasattr(thing, "__name__"):
        return repr(thing)
    return str(thing.__name__)


def _numbers_of(values: Any) -> str:
    return "(" + ", ".join(f"{float(value):.3g}" for value in values) + ")"
