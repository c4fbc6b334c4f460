import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit import card as module
from learnkit.card import ModelCard, card_json, parse_card
from learnkit.data import image_inputs
from learnkit.data.image_inputs import ImageInputs
from learnkit.data.inputs import INPUT_KINDS
from learnkit.errors import ExportError
from learnkit.losses import binary_cross_entropy_of_logits
from learnkit.tasks import MultiLabel, Regression
from learnkit.tasks.no_loss import NoLoss

INPUTS = ImageInputs(size=(24, 32), resize="crop", mean=(0.5,) * 3, std=(0.25,) * 3)
PATH = Path("model.json")
CHANGED = (
    "It was not written by learnkit, or was changed: get the export again from where it was made."
)


def make(**changes: Any) -> ModelCard:
    fields: dict[str, Any] = {
        "spec": {"model": "mlp", "sizes": [3, 2]},
        "classes": ("cat", "dog"),
        "inputs": INPUTS,
        "activation": "softmax",
        "metrics": {"accuracy": 0.5},
    }
    return ModelCard(**{**fields, **changes})


def told(call: Callable[[], object]) -> str:
    with pytest.raises(ExportError) as caught:
        call()
    return str(caught.value)


def changed(change: dict[str, Any] | None = None, **inputs: Any) -> bytes:
    document = json.loads(card_json(make(), sha256="0" * 64))
    document["inputs"].update(inputs)
    return json.dumps({**document, **(change or {})}).encode()


def refusal(data: bytes) -> str:
    message = told(lambda: parse_card(data, PATH))
    assert message.startswith("model.json: ")
    assert message.endswith(f". {CHANGED}")
    return message.removeprefix("model.json: ").removesuffix(f". {CHANGED}")


def test_a_card_comes_back_as_it_was() -> None:
    card = parse_card(card_json(make(fingerprint="0f" * 32), sha256="a1" * 32), PATH)
    assert card == make(fingerprint="0f" * 32, sha256="a1" * 32, versions=card.versions)
    assert card.versions.keys() == {"learnkit", "torch", "python"}


def test_a_fingerprint_is_written_when_there_is_one() -> None:
    assert "fingerprint" not in json.loads(card_json(make(), sha256="0" * 64))
    assert parse_card(changed(), PATH).fingerprint == ""
    assert parse_card(changed({"fingerprint": None}), PATH).fingerprint == ""
    assert refusal(changed({"fingerprint": "0f"})) == (
        "field 'fingerprint' must be 64 hexadecimal digits; found '0f'"
    )


def test_classes_of_folders_that_are_no_utf8_come_back() -> None:
    card = make(classes=("caf\udce9", "😀"))
    assert parse_card(card_json(card, sha256="0" * 64), PATH).classes == card.classes


def test_fields_that_a_later_release_adds_are_left_alone() -> None:
    assert parse_card(changed({"later": {"any": ["thing"]}}), PATH).classes == ("cat", "dog")


def test_a_newer_format_says_which() -> None:
    assert told(lambda: parse_card(changed({"format": 3}), PATH)) == (
        "model.json has format 3; this learnkit reads formats 1 and 2. "
        "Load it with the version of learnkit that wrote it."
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": "1"}, "field 'format' must be a JSON whole number; found '1'"),
        ({"format": True}, "field 'format' must be a JSON whole number; found True"),
        ({"format": None}, "field 'format' must be a JSON whole number; found None"),
        ({"kind": "x"}, "field 'kind' must be 'learnkit model'; found 'x'"),
        ({"model": "os.system"}, "field 'model' must be a JSON object; found 'os.system'"),
        ({"classes": "cat"}, "field 'classes' must be a JSON list; found 'cat'"),
        (
            {"classes": ["cat", 1]},
            "field 'classes' must be a list of at most 100,000 strings of at most 1,000 letters; "
            "found ['cat', 1]",
        ),
        (
            {"activation": "__import__('os')"},
            "field 'activation' must be one of exp, identity, sigmoid, softmax; "
            "found \"__import__('os')\"",
        ),
        ({"metrics": []}, "field 'metrics' must be a JSON object; found []"),
        (
            {"metrics": {"accuracy": "high"}},
            "field 'metrics' must be an object of at most 1,000 numbers; found "
            "{'accuracy': 'high'}",
        ),
        ({"versions": 3}, "field 'versions' must be a JSON object; found 3"),
        (
            {"versions": {"torch": 2}},
            "field 'versions' must be an object of at most 1,000 strings of at most 1,000 letters; "
            "found {'torch': 2}",
        ),
        ({"sha256": 0}, "field 'sha256' must be a JSON string; found 0"),
        ({"sha256": ""}, "field 'sha256' must be 64 hexadecimal digits; found ''"),
        ({"inputs": [1]}, "field 'inputs' must be a JSON object; found [1]"),
    ],
)
def test_a_wrong_field_is_refused(change: dict[str, Any], expected: str) -> None:
    assert refusal(changed(change)) == expected


SIDES = "field 'inputs.size' must be a list of numbers between 1 and 16384; found "


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"size": [10**9, 1]}, f"{SIDES}[1000000000, 1]"),
        ({"size": [0, 8]}, f"{SIDES}[0, 8]"),
        (
            {"size": [16384, 1025]},
            "field 'inputs.size' must be at most 16,777,216 pixels together; found [16384, 1025]",
        ),
        (
            {"size": [8, 8.5]},
            "field 'inputs.size' must be two whole numbers, height and width; found [8, 8.5]",
        ),
        (
            {"size": [8]},
            "field 'inputs.size' must be two whole numbers, height and width; found [8]",
        ),
        (
            {"resize": "rm -rf"},
            "field 'inputs.resize' must be one of crop, pad, squish; found 'rm -rf'",
        ),
        (
            {"mean": [0.5]},
            "field 'inputs.mean' must be three numbers, as for std, or none; found [0.5]",
        ),
        (
            {"mean": [True, True, True]},
            "field 'inputs.mean' must be a list of numbers between -1000 and 1000; "
            "found [True, True, True]",
        ),
        (
            {"std": [0.0, 1.0, 1.0]},
            "field 'inputs.std' must be a list of numbers between 1e-06 and 1000; "
            "found [0.0, 1.0, 1.0]",
        ),
    ],
)
def test_impossible_inputs_are_refused(inputs: dict[str, Any], expected: str) -> None:
    assert refusal(changed(**inputs)) == expected


def test_a_lacking_field_is_named() -> None:
    document = json.loads(changed())
    del document["classes"]
    assert refusal(json.dumps(document).encode()) == (
        "field 'classes' must be a JSON list; found nothing"
    )


@pytest.mark.parametrize("text", ["[]", "3", '"model"', "null"])
def test_a_card_that_is_no_object_is_refused(text: str) -> None:
    found = type(json.loads(text)).__name__
    assert refusal(text.encode()) == f"it must hold a JSON object; found {found}"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"{" * 100_000])
def test_a_card_that_is_no_json_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("it is ")


def test_a_card_may_name_many_classes_but_not_any_number() -> None:
    names = [f"class {n}" for n in range(100_001)]
    assert len(parse_card(changed({"classes": names[:-1]}), PATH).classes) == 100_000
    assert refusal(changed({"classes": names})).startswith("field 'classes' must be a list of at")


def test_a_card_with_many_parts_is_refused() -> None:
    assert refusal(changed({"later": [[]] * 10_000})) == "it has more than 10,000 lists and objects"


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (make(fingerprint="x"), "field 'fingerprint' must be 64 hexadecimal digits; found 'x'"),
        (make(classes=("\ud800",)), r"its text '\ud800' has half a character"),
        (
            make(classes=("x" * 200,) * 100_000),
            "it has 20,300,426 bytes, more than 16,777,216. The largest part is 'classes' with "
            "20,300,001 bytes",
        ),
        (
            make(spec={"model": "mlp", "sizes": [3] * 1_200_001}),
            "it has more than 1,200,000 values, or commas in its texts. The largest part is "
            "'model.sizes' with 2,400,003 bytes",
        ),
    ],
    ids=["fingerprint", "half", "long", "many"],
)
def test_a_card_that_could_not_be_read_is_not_made(
    card: ModelCard, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_versions", dict)  # whose lengths differ
    assert told(lambda: card_json(card, sha256="0" * 64)) == (
        f"This model's card could not be read again, so nothing was written: {reason}. "
        "Change that, or keep the model by learn.save()."
    )


def test_long_fields_are_written_without_spaces_and_in_their_own_letters() -> None:
    words = tuple(f"слово {n}" for n in range(100_000))
    data = card_json(make(classes=words), sha256="0" * 64)
    assert parse_card(data, PATH).classes == words
    assert len(data) < sum(len(word.encode()) + 3 for word in words) + 1_000
    assert '\n "classes": ["слово 0","слово 1",'.encode() in data


def test_a_short_card_is_laid_out_for_people() -> None:
    data = card_json(make(), sha256="0" * 64)
    assert data == json.dumps(json.loads(data), indent=1).encode()


def test_the_bounds_are_those_that_the_page_names() -> None:
    page = (Path(module.__file__).parents[1] / "docs/export.md").read_text()
    bounds = (module.MAX_CLASSES, module.MAX_LETTERS, module.MAX_PARTS, module.MAX_VALUES)
    assert f"at most {module.MAX_BYTES >> 20} MiB" in page
    for number in (*bounds, image_inputs.MAX_SIDE, image_inputs.MAX_AREA):
        assert f"{number:,}" in page


MANY = MultiLabel(binary_cross_entropy_of_logits, ("cat", "dog"), 0.25)


def test_a_task_of_another_kind_comes_back_and_older_releases_are_told() -> None:
    data = card_json(make(task=MANY, activation="sigmoid"), sha256="0" * 64)
    document = json.loads(data)
    assert (document["format"], document["task"]) == (2, {"kind": "multilabel", "threshold": 0.25})
    assert document["inputs"]["kind"] == "photo"
    card = parse_card(data, PATH)
    assert card.reader == MultiLabel(NoLoss("sigmoid"), ("cat", "dog"), 0.25)
    assert card.inputs == INPUTS


def test_photos_and_classes_are_written_as_older_releases_read_them() -> None:
    assert json.loads(card_json(make(), sha256="0" * 64))["format"] == 1
    plain = make(classes=(), activation="identity", task=Regression(NoLoss("identity")))
    document = json.loads(card_json(plain, sha256="0" * 64))
    assert (document["format"], "task" in document, "kind" in document["inputs"]) == (1, 0, 0)
    named = Regression(NoLoss("identity"), (), ("age",))
    data = card_json(make(classes=(), activation="identity", task=named), sha256="0" * 64)
    assert (json.loads(data)["format"], parse_card(data, PATH).reader) == (2, named)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"kind": "magic"}, "field 'task.kind' must be one of classification, "),
        ({}, "field 'task.kind' must be a JSON string; found nothing"),
        ({"kind": "multilabel"}, "field 'task.threshold' must be a number between 0 and 0.999999"),
        ([], "field 'task' must be a JSON object; found []"),
    ],
)
def test_a_wrong_task_is_refused(task: object, expected: str) -> None:
    assert refusal(changed({"task": task, "format": 2})).startswith(expected)


def test_inputs_of_an_unknown_kind_are_refused() -> None:
    assert refusal(changed(kind="smell")) == (
        f"field 'inputs.kind' must be one of {', '.join(INPUT_KINDS)}; found 'smell'"
    )
