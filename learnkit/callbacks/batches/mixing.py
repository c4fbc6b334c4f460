"""Train on mixtures of samples: MixUp, CutMix, or one of the two for each batch."""

import torch
from torch import Tensor
from typing_extensions import override

from learnkit.callback import Callback
from learnkit.data import mixing
from learnkit.names import checked_keywords
from learnkit.state import State
from learnkit.types import Batch


class _Mixing(Callback):
    """Replaces each training batch; what a mixture is says the subclass.

    Whatever comes after it sees targets as floats: class numbers have become (B, K).
    """

    def __init__(self, *, until: float, n_classes: int | None) -> None:
        owner = type(self).__name__
        if not (_is_number(until) and 0 < until <= 1):
            raise ValueError(
                f"{owner}(): until must be a fraction of the fit in (0, 1], found {until!r}."
            )
        whole = isinstance(n_classes, int) and not isinstance(n_classes, bool) and n_classes >= 2
        if not (whole or n_classes is None):
            raise ValueError(
                f"{owner}(): n_classes must be a whole number of at least 2, found {n_classes!r}."
            )
        self.until = until
        self.n_classes = n_classes
        self._at_the_loss = False

    def mix(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixture, of the same shapes."""
        raise NotImplementedError

    @override
    def before_fit(self, state: State) -> None:
        self._at_the_loss = False
        mixing.check_inputs(state.inputs, type(self).__name__)

    @override
    def before_batch(self, state: State) -> None:
        if not state.training:
            return
        x, y = state.batch
        owner = type(self).__name__
        mixing.check_floats(x, owner)
        n_classes = self.n_classes or len(state.classes)
        y = mixing.soft_targets(y, n_classes=n_classes, dtype=x.dtype, owner=owner)
        if state.progress.fraction < self.until:
            x, y = self.mix(x, y)
        else:
            # another tensor here too: else a frozen body would remember features from here on, in
            # batches that a fit that goes on from a checkpoint does not know
            x = x.view_as(x)
        state.batch = Batch(x, y)

    @override
    def after_forward(self, state: State) -> None:
        self._at_the_loss = state.training

    @override
    def after_loss(self, state: State) -> None:
        self._at_the_loss = False

    @override
    def on_error(self, state: State, error: BaseException) -> None:
        if self._at_the_loss and isinstance(error, RuntimeError | TypeError | ValueError):
            owner = type(self).__name__
            error.add_note(
                f"{owner} had turned the targets into floats: class numbers into a probability of "
                "each class, (B, K). Cross entropy takes these; with a loss that takes class "
                f"numbers only, leave {owner} out."
            )
        self._at_the_loss = False


class MixUp(_Mixing):
    """Train on weighted means of two samples and of their targets.

    Zhang et al. 2018, arXiv 1710.09412: one weight a batch, from Beta(alpha, alpha), and partners
    drawn at random from the batch. Works for any x of floats: photos, numbers, embeddings.
    Not for codes: tables with categories and sequences of different lengths are refused.
    The loss must take probabilities (B, K), as cross entropy does; values and several labels at
    once mix as they are. Validation sees what it always sees.

    Args:
        alpha: above 0; the paper has 0.1 to 0.4 for ImageNet, 1 for CIFAR-10.
        until: fraction of the fit, in steps, after which samples are left whole.
        n_classes: K, for class numbers of data that has no names of classes.

    Raises:
        ValueError: when an option is out of range.
        DataError: at the start of the fit or its first batch, when x or y is nothing that can be
            mixed.

    Example:
        ``learn.fit_one_cycle(10, callbacks=MixUp(0.4))``
    """

    @checked_keywords
    def __init__(
        self, alpha: float = 0.4, *, until: float = 1.0, n_classes: int | None = None
    ) -> None:
        super().__init__(until=until, n_classes=n_classes)
        self.alpha = mixing.check_alpha(alpha, "MixUp(): alpha")

    @override
    def mix(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixture, of the same shapes."""
        return mixing.mixup(x, y, alpha=self.alpha)


class CutMix(_Mixing):
    """Train on photos with a box of another photo in them.

    Yun et al. 2019, arXiv 1905.04899; the box is drawn by torchvision, one for the batch. The
    targets are mixed by the area of the box; the loss must take probabilities, as for `MixUp`.

    Args:
        alpha: above 0; the paper has 1, which makes boxes of any size alike likely.
        until: fraction of the fit, in steps, after which photos are left whole.
        n_classes: K, for class numbers of data that has no names of classes.

    Raises:
        ValueError: when an option is out of range.
        DataError: at the first batch, when x is not (B, C, H, W), or y cannot be mixed.

    Example:
        ``learn.fit_one_cycle(10, callbacks=CutMix())``
    """

    @checked_keywords
    def __init__(
        self, alpha: float = 1.0, *, until: float = 1.0, n_classes: int | None = None
    ) -> None:
        super().__init__(until=until, n_classes=n_classes)
        self.alpha = mixing.check_alpha(alpha, "CutMix(): alpha")

    @override
    def mix(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixture, of the same shapes."""
        mixing.check_images(x, "CutMix")
        return mixing.cutmix(x, y, alpha=self.alpha)


class MixUpOrCutMix(_Mixing):
    """Train on `MixUp`'s mixtures or `CutMix`'s, drawn for each batch.

    As in timm, and in the recipe of DeiT (Touvron et al. 2021, arXiv 2012.12877, table 9).

    Args:
        mixup_alpha: above 0.
        cutmix_alpha: above 0.
        switch_prob: how likely CutMix is, in [0, 1].
        until: fraction of the fit, in steps, after which photos are left whole.
        n_classes: K, for class numbers of data that has no names of classes.

    Raises:
        ValueError: when an option is out of range.
        DataError: at the first batch, when x is not (B, C, H, W), or y cannot be mixed.

    Example:
        ``learn.fit_one_cycle(10, callbacks=MixUpOrCutMix(mixup_alpha=0.8))``
    """

    @checked_keywords
    def __init__(
        self,
        *,
        mixup_alpha: float = 0.4,
        cutmix_alpha: float = 1.0,
        switch_prob: float = 0.5,
        until: float = 1.0,
        n_classes: int | None = None,
    ) -> None:
        super().__init__(until=until, n_classes=n_classes)
        self.mixup_alpha = mixing.check_alpha(mixup_alpha, "MixUpOrCutMix(): mixup_alpha")
        self.cutmix_alpha = mixing.check_alpha(cutmix_alpha, "MixUpOrCutMix(): cutmix_alpha")
        if not (_is_number(switch_prob) and 0 <= switch_prob <= 1):
            raise ValueError(
                f"MixUpOrCutMix(): switch_prob must be in [0, 1], found {switch_prob!r}."
            )
        self.switch_prob = switch_prob

    @override
    def mix(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixture, of the same shapes."""
        mixing.check_images(x, "MixUpOrCutMix")
        if float(torch.rand(())) < self.switch_prob:
            return mixing.cutmix(x, y, alpha=self.cutmix_alpha)
        return mixing.mixup(x, y, alpha=self.mixup_alpha)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
