"""What differs between loops; the forward pass, with a frozen body or without, as code."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from learnkit.models.fast_body import FEATURES_LIMIT
from learnkit.models.head import ConcatPool, MeanPool
from learnkit.models.transfer import CnnModel


class Loop(NamedTuple):
    """What differs from one script's loop to the other's.

    Attributes:
        frozen: whether some part trains nothing of a pretrained body.
        pooled: whether what is kept of a frozen body is pooled.
        metrics: (name, expression) of those that are computed.
        valid: whether there is validation.
        accumulates: whether a step is of more than one batch.
        clip: lines that clip gradients, or none.
        momentum: the optimizer's word for it, if some part moves it.
        autocast: of the forward pass, as an expression.
        norms: whether norm layers have a rule of their own.
        keyed: whether samples are changed at random.
        all_train: whether every parameter trains, always.
        prepares: whether anything is done to a batch.
        channels_last: whether convolutions are in that order.
    """

    frozen: bool
    pooled: bool
    metrics: Sequence[tuple[str, str]]
    valid: bool
    accumulates: bool
    clip: str
    momentum: str | None
    bf16: bool
    norms: bool
    keyed: bool
    all_train: bool
    prepares: bool
    channels_last: bool


def pools(model: nn.Module) -> bool:
    """Say whether the head begins with a pooling that learns nothing."""
    head = model.head if isinstance(model, CnnModel) else None
    modules = list(head) if type(head) is nn.Sequential else []
    return bool(modules) and type(modules[0]) in (ConcatPool, MeanPool)


def forward_code(loop: Loop) -> str:
    """Return ``forward``, which gives logits."""
    context = "torch.autocast(DEVICE, dtype=torch.bfloat16)" if loop.bf16 else ""
    call = "net(x) if frozen is None else frozen(x, side, indices)" if loop.frozen else "net(x)"
    lines = [f"    preds = {call}"]
    if context:
        lines = [f"    with {context}:", f"        preds = {call}", "    preds = preds.float()"]
    return "\n".join(
        [
            "def forward(net, x, side, indices, frozen):"
            if loop.frozen
            else "def forward(net, x):",
            '    """Give logits, float32."""',
            *lines,
            "    return preds",
        ]
    )


def forward_call(loop: Loop, side: str) -> str:
    """Return the call that gives a batch's logits."""
    if loop.frozen:
        return f'forward(net, x, "{side}", indices, frozen)'
    return "forward(net, x)" if loop.bf16 else "net(x)"


def prepare_call(loop: Loop, keys: str) -> str:
    """Return the call that gives a batch as the model sees it."""
    return f"prepare(x.to(DEVICE), {keys})" if loop.prepares else "x.to(DEVICE)"


def validate_head(loop: Loop) -> str:
    """Return ``validate`` with its arguments, as it is defined and called."""
    return "validate(net, frozen)" if loop.frozen else "validate(net)"


def frozen_code(loop: Loop) -> str:
    """Return ``FrozenBody``, which computes a body that does not train as learnkit does."""
    dtype = "torch.bfloat16" if loop.bf16 else "None"
    pool = "self.body, self.pool, self.rest = net.body, None, [net.head]"
    features = "self.twin(x)"
    if loop.pooled:
        pool = "self.body, (self.pool, *self.rest) = net.body, net.head"
        features = f"self.pool(self.twin(x){'.float()' if loop.bf16 else ''})"
    return f'''class FrozenBody:
    """A body that does not train: no graph, BatchNorm folded, the features of photos that come
    back unchanged computed once."""

    def __init__(self, net):
        {pool}
        self.twin = folded(self.body.eval(), {dtype})
        self.kept, self.known = {{}}, {{}}

    def features(self, x, side, indices):
        n = REPEATS.get(side, 0)
        if side in self.kept and self.known[side][indices].all():
            return self.kept[side][torch.from_numpy(indices).to(x.device)]
        features = {features}
        if n and n * features[0].numel() * features.element_size() <= {FEATURES_LIMIT}:
            if side not in self.kept:
                self.kept[side] = features.new_empty(n, *features.shape[1:])
                self.known[side] = np.zeros(n, bool)
            self.kept[side][torch.from_numpy(indices).to(x.device)] = features
            self.known[side][indices] = True
        return features

    def __call__(self, x, side, indices):
        with torch.no_grad():
            x = self.features(x, side, indices)
        for module in self.rest:
            x = module(x)
        return x'''
