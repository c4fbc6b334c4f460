import json

import pytest
import torch
from torch.nn.functional import pad

from learnkit.errors import ExportError, ModelError, WeightsError
from learnkit.models.spec import build_from_spec, check_spec, n_outputs, outline_from_spec
from learnkit.models.transformer import FAMILIES, text_transformer

transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

SIZES = {
    "bert": {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 12},
    "distilbert": {"dim": 8, "n_layers": 1, "hidden_dim": 12, "n_heads": 2},
    "electra": {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 12},
    "roberta": {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 12},
}


def config(family="bert", **options):
    heads = {} if family == "distilbert" else {"num_attention_heads": 2}
    sizes = {"vocab_size": 30, "max_position_embeddings": 24}
    sizes |= SIZES[family] | heads | options
    return transformers.AutoConfig.for_model(family, **sizes)


def tokens():
    return torch.tensor([[5, 7, 9, 11], [6, 8, 0, 0]])


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_no_answer_and_a_spec_rebuilds_the_model(family):
    model = text_transformer(config(family), 3, shift=1, seed=1)
    whole = model(tokens())
    assert whole.shape == (2, 3)
    torch.testing.assert_close(model(pad(tokens(), (0, 5))), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(model(tokens()[1:, :2]), whole[1:], atol=1e-6, rtol=0)
    json.dumps(model.spec)
    outline = outline_from_spec(model.spec)
    assert {k: v.shape for k, v in outline.state_dict().items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    again = build_from_spec(model.spec)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(tokens()), whole)
    assert n_outputs(model.spec) == 3
    groups = model.layer_groups()
    assert len(groups) == 3
    assert sum(len(group) for group in groups) == len(list(model.parameters()))


def test_a_shift_is_taken_off_again():
    plain, shifted = (text_transformer(config(), 2, shift=n, seed=1) for n in (0, 1))
    there = tokens() != 0
    torch.testing.assert_close(shifted(tokens() + there), plain(tokens()), atol=0, rtol=0)


def test_a_folder_gives_its_weights_and_a_new_head(tmp_path):
    network = transformers.AutoModelForSequenceClassification.from_config(config(num_labels=2))
    network.save_pretrained(tmp_path)
    model = text_transformer(tmp_path, 3)
    ours, theirs = model.network.state_dict(), network.state_dict()
    name = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(ours[name], theirs[name])
    assert ours["classifier.weight"].shape == (3, 8)
    torch.testing.assert_close(text_transformer(tmp_path, 3).state_dict(), model.state_dict())
    same = text_transformer(tmp_path, 2).network.state_dict()
    torch.testing.assert_close(same, dict(theirs))


def test_more_tokens_than_positions_are_an_error():
    with pytest.raises(ModelError) as caught:
        text_transformer(config("roberta"), 2)(torch.ones(1, 23, dtype=torch.int64))
    assert str(caught.value) == (
        "a text has 23 tokens, but this transformer has 22 positions. Make the data with "
        "max_len=22."
    )


def test_a_folder_without_safetensors_is_refused(tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(WeightsError) as caught:
        text_transformer(folder, 2)
    assert str(caught.value) == (
        f"there is no folder {folder}. Give a folder with config.json and model.safetensors; "
        "nothing is downloaded."
    )
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(WeightsError) as caught:
        text_transformer(folder, 2)
    assert str(caught.value) == (
        f"{folder} has no model.safetensors; other files of weights may hold code."
    )
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "config.json").write_text("[")
    with pytest.raises(WeightsError, match="cannot be used: it is not JSON"):
        text_transformer(folder, 2)
    (folder / "config.json").write_text(json.dumps(config().to_dict()))
    with pytest.raises(WeightsError, match=r"^the weights in .* cannot be used: "):
        text_transformer(folder, 2)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="holds an adapter, no whole model"):
        text_transformer(folder, 2)


def test_code_that_a_configuration_names_is_not_looked_at(tmp_path):
    transformers.AutoModelForSequenceClassification.from_config(config()).save_pretrained(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text())
    raw["auto_map"] = {"AutoModelForSequenceClassification": "evil.Model"}
    raw["quantization_config"] = {"quant_method": "evil"}
    raw["_attn_implementation"] = "someone/kernel"
    (tmp_path / "config.json").write_text(json.dumps(raw))
    model = text_transformer(tmp_path, 2)
    assert not {"auto_map", "quantization_config"} & set(model.spec["config"])
    raw["model_type"] = "evil"
    (tmp_path / "config.json").write_text(json.dumps(raw))
    with pytest.raises(ModelError) as caught:
        text_transformer(tmp_path, 2)
    assert str(caught.value) == (
        "learnkit takes transformers of the families bert, distilbert, electra, roberta; this one "
        "is of 'evil'."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 10**7}, "transformer.config.vocab_size must be a word, true, false, null "
         "or a number up to 1000000; found 10000000."),
        ({"hidden_size": 10**6, "num_hidden_layers": 60}, "The model description asks for "
         "240001498000000 parameters in transformer; at most 1000000000 are built."),
        ({"num_hidden_layers": 65}, "transformer.config must be of 1 to 64 layers; found 65."),
        ({"hidden_size": "x"}, "transformer.config.hidden_size must be a whole number; found 'x'."),
        ({"auto_map": "x"}, "The description of the transformer has the unknown field 'auto_map'."),
        ({"hidden_act": {"a": 1}}, "transformer.config.hidden_act must be a word, true, false, "
         "null or a number up to 1000000; found {'a': 1}."),
    ],
)  # fmt: skip
def test_a_spec_of_a_stranger_is_bounded(change, message):
    spec = text_transformer(config(), 2).spec
    with pytest.raises(ExportError) as caught:
        check_spec({**spec, "config": {**spec["config"], **change}})
    assert message in str(caught.value)


def test_what_transformers_refuses_is_an_error_of_ours():
    spec = text_transformer(config(), 2).spec
    for change in ({"num_attention_heads": 3}, {"hidden_act": "evil"}):
        with pytest.raises(ExportError, match="transformers cannot build this bert: "):
            build_from_spec({**spec, "config": {**spec["config"], **change}})


@pytest.mark.parametrize(
    ("family", "changed", "expected"),
    [
        ("bert", {"pad_token_id": -5}, "pad_token_id must be null, or a whole number from 0 to 29"),
        ("bert", {"pad_token_id": 30}, "pad_token_id must be null, or a whole number from 0 to 29"),
        ("bert", {"pad_token_id": "x"}, "pad_token_id must be null, or a whole number from 0"),
        ("bert", {"type_vocab_size": 0}, "type_vocab_size must be a whole number of at least 1"),
        ("bert", {"vocab_size": 0}, "vocab_size must be a whole number of at least 1"),
        ("bert", {"max_position_embeddings": 0}, "max_position_embeddings must be a whole number"),
        ("roberta", {"max_position_embeddings": 2}, "must be a whole number of at least 3; found"),
    ],
)
def test_tables_that_no_text_could_be_looked_up_in_are_refused(family, changed, expected):
    spec = text_transformer(config(family), 2).spec
    check_spec(spec)
    with pytest.raises(ExportError) as caught:
        check_spec({**spec, "config": spec["config"] | changed})
    assert expected in str(caught.value)
