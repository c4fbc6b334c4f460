"""What a bunch holds, and how it shows and checks itself; see ``bunch`` for how it is made."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from learnkit.data.inputs import Inputs
from learnkit.data.options import Tfm
from learnkit.errors import DataError
from learnkit.names import checked_keywords
from learnkit.reprs import bunch_html
from learnkit.tasks import Classification, Task
from learnkit.types import Batch, BatchLoader, LossFn

if TYPE_CHECKING:
    from learnkit.data.doctor.report import DataReport


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BunchBase:
    """Loaders plus what a model must know about them. Use ``DataBunch``.

    Attributes:
        train_dl: the batches of training, in another order each epoch.
        valid_dl: the batches of validation, or None.
        test_dl: batches that are only predicted, or None.
        classes: the classes' names in the order of the model's outputs; empty for other targets.
        loss_func: the loss that fits the targets; None leaves it to the learner.
        batch_tfms: random changes of training batches, run on the device in this order.
        seed: all random choices depend on it.
        split: how training and validation were divided, in words.
        task: what is predicted; None finds out from the targets.
        inputs: how raw items become x, for prediction; None takes tensors as they are.
    """

    train_dl: BatchLoader
    valid_dl: BatchLoader | None = None
    test_dl: BatchLoader | None = None
    classes: tuple[str, ...] = ()
    loss_func: LossFn | None = None
    batch_tfms: tuple[Tfm, ...] = ()
    seed: int = 42
    split: str = ""
    task: Task | None = None
    inputs: Inputs | None = None

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 for targets that are no classes."""
        return len(self.classes)

    def one_batch(self, *, train: bool = True) -> Batch:
        """Return the first batch as it is loaded, on the CPU, for looking at.

        Raises:
            DataError: when ``train`` is False and there are no validation samples.
        """
        loader = self.train_dl if train else self.valid_dl
        if loader is None:
            raise DataError("There is no validation batch: this data has no valid_dl.")
        return next(iter(loader))

    @checked_keywords
    def check(self, *, max_imbalance: float = 10.0, show: bool = True) -> "DataReport":
        """Say what is wrong with the data: print a table, and return it as values.

        Reads all batches of epoch 0. Finds samples that are in two parts or have two labels, NaN
        and infinity, labels that are no class, and classes that are missing or rare. Where the
        loaders read image files, these are checked instead: see ``ImageDataBunch.check``.

        Args:
            max_imbalance: a class may have so many times the samples of another.
            show: whether the table is printed.

        Example:
            ``report = data.check()``
        """
        return self._check(show, max_imbalance=max_imbalance)

    def _check(self, show: bool, **options: Any) -> "DataReport":
        # here, as whoever only trains needs none of it
        from learnkit.data.doctor.loaders import check_loaders
        from learnkit.data.doctor.options import CheckOptions

        # tokens, masks and several labels are counted in no such way
        one_class = self.task is None or isinstance(self.task, Classification)
        report = check_loaders(
            {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl},
            title=type(self).__name__,
            classes=self.classes if one_class else (),
            options=CheckOptions(**options),
        )
        if show:
            sys.stdout.write(f"{report}\n")
        return report

    @classmethod
    def _of(
        cls,
        *,
        train_dl: BatchLoader,
        valid_dl: BatchLoader | None,
        classes: tuple[str, ...],
        loss_func: LossFn | None,
        batch_tfms: tuple[Tfm, ...],
        seed: int,
        test_dl: BatchLoader | None = None,
        split: str = "",
        task: Task | None = None,
    ) -> Self:
        """Make a bunch of this class from loaders; a class with more fields finds them out here."""
        return cls(
            train_dl=train_dl,
            valid_dl=valid_dl,
            test_dl=test_dl,
            classes=classes,
            loss_func=loss_func,
            batch_tfms=batch_tfms,
            seed=seed,
            split=split,
            task=task,
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        loaders = {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl}
        return bunch_html(type(self).__name__, loaders, self.classes)

    def _lines(self) -> list[str]:
        few = ", ".join(self.classes[:6]) + (", ..." if self.n_classes > 6 else "")
        of = f" of {self.n_classes} classes: {few}" if self.classes else ""
        lines = [type(self).__name__ + of, "         samples  batches  batch size"]
        for name, loader in (("train", self.train_dl), ("valid", self.valid_dl)):
            lines.append(_line(name, loader) if loader is not None else f"  {name}     none")
        if self.test_dl is not None:
            lines.append(_line("test", self.test_dl))
        return lines


def _line(name: str, loader: BatchLoader) -> str:
    return f"  {name:<5}{loader.n_samples:>9}{len(loader):>9}{loader.batch_size:>12}"
