"""Texts drawn from a model of language, one token after the other."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from learnkit.data.sequence.prompts import PromptInputs
from learnkit.data.sequence.vocabulary import END, UNKNOWN
from learnkit.inference import Predictor
from learnkit.learner import Learner
from learnkit.models.compressed import inner_of
from learnkit.names import checked_keywords
from learnkit.randomness import FloatArray, key_of, mix, uniforms


@checked_keywords
def sample(
    source: Learner | Predictor,
    prompt: str = "",
    n: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: bool = True,
) -> str:
    """Go on with a text, one token drawn after the other: a pure function of the arguments.

    The token of whatever is unknown is never drawn.

    Args:
        source: a learner of `language_learner`, or what `load_learner` gives.
        prompt: what the text begins with; empty for the beginning of a text.
        n: how many tokens to add, at most.
        temperature: logits are divided by it. Below 1 the probable becomes more probable; 0 always
            takes the most probable.
        top_k: only so many most probable tokens are drawn from.
        top_p: only the most probable tokens are drawn from that together have this probability
            (nucleus sampling: Holtzman et al., 2020, arXiv 1904.09751, section 3.1).
        seed: of what is drawn; other arguments equal, it gives the same text each time.
        stop: whether the text ends where the model says so; else that token is never drawn.

    Returns:
        The prompt and what was added.

    Raises:
        TypeError, ValueError: when the source is no model of language, or an option is out of
            range.
    """
    model, inputs = _parts(source)
    keep = _filter(temperature, top_k, top_p)
    if not _is_whole(n) or n < 0:
        raise ValueError(f"sample: n must be a whole number of at least 0; got {n!r}.")
    if not _is_whole(seed):
        raise ValueError(f"sample: seed must be a whole number; got {seed!r}.")
    draws = uniforms(mix(seed, key_of("sample")), np.arange(n, dtype=np.int64), 1)[:, 0]
    never = [UNKNOWN] if stop else [UNKNOWN, END]
    reader = _Reader(model, inputs.encode(prompt), inputs.seq_len, source.device)
    drawn: list[int] = []
    for u in draws:
        logits = reader.logits()
        logits[never] = -np.inf
        token = _draw(keep(logits), u)
        if token == END:
            break
        drawn.append(token)
        reader.add(token)
    return prompt + inputs.vocabulary.decode(drawn)


def _parts(source: object) -> tuple[nn.Module, PromptInputs]:
    inputs: object = None
    if isinstance(source, Learner):
        model, inputs = source.model, source.data.inputs
    elif isinstance(source, Predictor):
        model, inputs = source.model, source.card.inputs
    if not isinstance(inputs, PromptInputs):
        raise TypeError(
            "sample takes a learner of language_learner, or what load_learner gives of its export; "
            f"got {type(source).__name__}{' of other data' if inputs is not None else ''}. Another "
            "sample, of learnkit.generative, draws pictures."
        )
    return model.eval(), inputs


class _Reader:
    """Reads a text and says what comes next; recurrent models read each token once."""

    def __init__(
        self, model: nn.Module, tokens: Tensor, seq_len: int, device: torch.device
    ) -> None:
        self._model, self._seq_len = model, seq_len
        self._unread = self._tokens = tokens[None].to(device)
        self._run: Callable[..., tuple[Tensor, Tensor]] | None
        self._run = getattr(inner_of(model), "run", None)
        self._state: Any = None

    def logits(self) -> FloatArray:
        """Return the logits of the next token, float64 (V,)."""
        with torch.no_grad():
            if self._run is None:
                preds = self._model(self._tokens[:, -self._seq_len :])
            else:
                preds, self._state = self._run(self._unread, self._state)
        return cast(FloatArray, preds[0, -1].detach().double().cpu().numpy())

    def add(self, token: int) -> None:
        """Add one token to the text."""
        self._unread = self._tokens.new_tensor([[token]])
        if self._run is None:
            self._tokens = torch.cat([self._tokens, self._unread], 1)


def _filter(
    temperature: float, top_k: int | None, top_p: float | None
) -> Callable[[FloatArray], FloatArray]:
    """Return what turns logits into the probabilities that are drawn from, checked."""
    if not _is_number(temperature) or not 0 <= temperature < np.inf:
        raise ValueError(f"sample: temperature must be at least 0; got {temperature!r}.")
    if top_k is not None and (not _is_whole(top_k) or top_k < 1):
        raise ValueError(f"sample: top_k must be a whole number of at least 1; got {top_k!r}.")
    if top_p is not None and not (_is_number(top_p) and 0 < top_p <= 1):
        raise ValueError(f"sample: top_p must be above 0 and at most 1; got {top_p!r}.")

    def keep(logits: FloatArray) -> FloatArray:
        order = np.argsort(-logits, kind="stable")
        p: FloatArray = np.zeros_like(logits)
        if temperature == 0:
            p[order[0]] = 1.0
            return p
        with np.errstate(over="ignore"):  # a tiny temperature makes -inf of all but the largest
            p = np.exp((logits - logits.max()) / temperature)
        p[order[top_k:] if top_k is not None else []] = 0.0
        p /= p.sum()
        if top_p is not None:  # the token that reaches the share is still in
            before = np.cumsum(p[order]) - p[order]
            p[order[before >= top_p]] = 0.0
        return p

    return keep


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _draw(p: FloatArray, u: float) -> int:
    """Return the token at ``u`` in [0, 1) of the probabilities, which need not sum to 1."""
    ends = np.cumsum(p)
    place = int(np.searchsorted(ends, u * ends[-1], side="right"))
    return min(place, int(np.flatnonzero(p)[-1]))  # where the product was rounded up
