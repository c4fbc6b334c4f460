"""A Hugging Face transformer for one answer a text. ``transformers`` is the extra of that name.

Loaded from a folder on disk: its ``config.json``, of which only known plain fields are read, and
its ``model.safetensors``. Nothing is downloaded, unpickled or run from there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

from torch import Tensor, nn

from learnkit.bounded_json import parse_json
from learnkit.errors import ModelError, WeightsError
from learnkit.extras import require
from learnkit.models.backbone import ParameterGroups
from learnkit.models.seeded import seeded
from learnkit.names import checked_keywords, did_you_mean
from learnkit.regular_file import read_regular

# those whose configuration is flat and whose tokenizer an export can keep
FAMILIES: Final = ("bert", "distilbert", "electra", "roberta")
WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")
_MAX_CONFIG: Final = 1 << 20
# of the machinery, not of the architecture
_LEFT_OUT: Final = frozenset(
    {
        *("_name_or_path", "add_cross_attention", "architectures", "chunk_size_feed_forward"),
        *("dtype", "id2label", "is_decoder", "is_encoder_decoder", "label2id", "model_type"),
        *("output_attentions", "output_hidden_states", "problem_type", "return_dict"),
        *("torch_dtype", "transformers_version", "use_cache"),
    }
)


@final
class TextTransformer(nn.Module):
    """int64 (B, T), padded with 0 at the end, to logits (B, n_classes); use `text_transformer`.

    Args:
        network: of ``AutoModelForSequenceClassification``.
        spec: from which ``build_from_spec`` rebuilds the model.
    """

    def __init__(self, network: nn.Module, *, spec: dict[str, Any]) -> None:
        super().__init__()
        self.network, self.spec = network, spec
        config: Any = network.config
        self._pad = int(config.pad_token_id or 0)
        # RoBERTa counts positions from behind the number of its padding
        first = self._pad + 1 if spec["family"] == "roberta" else 0
        self.max_len = int(config.max_position_embeddings) - first
        self.n_vocab = int(config.vocab_size) + spec["shift"]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, n_classes).

        Raises:
            ModelError: when texts have more tokens than the model has positions.
        """
        if x.shape[1] > self.max_len:
            raise ModelError(
                f"a text has {x.shape[1]} tokens, but this transformer has {self.max_len} "
                f"positions. Make the data with max_len={self.max_len}."
            )
        there = x != 0
        ids = (x - self.spec["shift"]).masked_fill(~there, self._pad)
        logits: Tensor = self.network(input_ids=ids, attention_mask=there.long()).logits
        return logits

    def layer_groups(self) -> ParameterGroups:
        """Return the parameters of the embeddings, the layers and the head."""
        network: Any = self.network
        first = list(network.base_model.embeddings.parameters())
        seen = {id(parameter) for parameter in first}
        body = [p for p in network.base_model.parameters() if id(p) not in seen]
        seen |= {id(parameter) for parameter in body}
        return [first, body, [p for p in network.parameters() if id(p) not in seen]]


@checked_keywords
def text_transformer(
    source: str | os.PathLike[str] | Any, n_classes: int, *, shift: int = 0, seed: int = 0
) -> TextTransformer:
    """Put a new head on a pretrained transformer, or build one from a configuration.

    Args:
        source: the folder with ``config.json`` and ``model.safetensors``; or a configuration of
            transformers, such as ``BertConfig(...)``, for random weights.
        n_classes: width of the logits.
        shift: how much x is higher than the transformer's own token numbers: 0 or 1.
        seed: of the head, and of all weights without a folder.

    Raises:
        ModelError: for a family that learnkit does not take.
        WeightsError: when the folder lacks a file, or one cannot be used.
        MissingExtraError: when ``transformers`` is not installed.
    """
    library, folder = _library(), None
    if isinstance(source, str | os.PathLike):
        folder = Path(source).expanduser()
        raw = _read_config(folder)
    else:
        raw = source.to_dict()
    family = _family(raw)
    fields = plain_fields(family, raw)
    spec = {"model": "transformer", "family": family, "n_classes": n_classes, "shift": shift}
    spec["config"] = fields
    if folder is None:
        return build_transformer(spec, seed=seed)
    config = _config(spec)
    try:
        with seeded(seed, "transformer"):
            network = library.AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # of a head for other classes
            )
    except Exception as error:  # whatever a library says of a file that is damaged
        raise WeightsError(
            f"the weights in {folder} cannot be used: {type(error).__name__}: {error}"
        ) from error
    return TextTransformer(network.eval(), spec=spec)


def build_transformer(spec: dict[str, Any], *, seed: int = 0) -> TextTransformer:
    """Build a transformer with random weights from plain values.

    Raises:
        ModelError: when transformers refuses them.
    """
    library = _library()
    try:
        with seeded(seed, "transformer"):
            network = library.AutoModelForSequenceClassification.from_config(_config(spec))
    except Exception as error:
        raise ModelError(f"transformers cannot build this {spec['family']}: {error}") from error
    return TextTransformer(network.eval(), spec=spec)


def plain_fields(family: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration that decide its architecture, as plain values."""
    known = _library().AutoConfig.for_model(family).to_dict()
    return {
        name: raw.get(name, known[name])
        for name in sorted(known)
        if name not in _LEFT_OUT and isinstance(raw.get(name), int | float | str | None)
    }


def _config(spec: Mapping[str, Any]) -> Any:
    return _library().AutoConfig.for_model(
        spec["family"], **spec["config"], num_labels=spec["n_classes"]
    )


def _family(raw: Mapping[str, Any]) -> str:
    family = raw.get("model_type")
    if family not in FAMILIES:
        hint = did_you_mean(family, FAMILIES) if isinstance(family, str) else ""
        raise ModelError(
            f"learnkit takes transformers of the families {', '.join(FAMILIES)}; this one is of "
            f"{family!r}.{hint}"
        )
    return str(family)


def _read_config(folder: Path) -> dict[str, Any]:
    advice = "Give a folder with config.json and model.safetensors; nothing is downloaded."
    if not folder.is_dir():
        raise WeightsError(f"there is no folder {folder}. {advice}")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise WeightsError(f"{folder} has no {WEIGHTS[0]}; other files of weights may hold code.")
    if (folder / "adapter_config.json").exists():
        raise WeightsError(f"{folder} holds an adapter, no whole model. {advice}")
    try:
        found = parse_json(
            read_regular(folder / "config.json", max_bytes=_MAX_CONFIG), max_parts=1_000
        )
    except OSError as error:
        raise WeightsError(f"cannot read {folder / 'config.json'}: {error.strerror}.") from error
    except ValueError as error:
        raise WeightsError(f"{folder / 'config.json'} cannot be used: {error}.") from error
    if not isinstance(found, dict):
        raise WeightsError(f"{folder / 'config.json'} must hold a JSON object.")
    return found


def _library() -> Any:
    return require("transformers", extra="transformers", purpose="A transformer")
