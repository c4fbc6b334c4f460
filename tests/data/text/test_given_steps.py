import pytest

from learnkit.data.text.given_steps import check_steps

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra text")


def replace(pattern, content="x"):
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def level(**more):
    return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, **more}


KNOWN = r"known are a String of at least one letter and the Regex '\\s+', '\\s{2,}', ' +', ' {2,}'"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"normalizer": sequence(*[replace({"Regex": ""})] * 15)},
         f"its step Replace looks for {{'Regex': ''}}; {KNOWN}"),
        ({"normalizer": replace({"String": ""})},
         f"its step Replace looks for {{'String': ''}}; {KNOWN}"),
        ({"normalizer": replace({"Regex": "a*"})},
         f"its step Replace looks for {{'Regex': 'a*'}}; {KNOWN}"),
        ({"decoder": replace("a")}, f"its step Replace looks for 'a'; {KNOWN}"),
        ({"normalizer": {"prepend": "x" * 9}},
         "its step {'prepend': 'xxxxxxxxx'} must be a JSON object that names its type"),
        ({"normalizer": sequence({"normalizers": []})},
         "its step {'normalizers': []} must be a JSON object that names its type"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [level()] * 8}},
         "its steps can make a letter 390,625 letters; at most 500 are allowed"),
        ({"normalizer": sequence({"type": "NFKD"}, replace({"String": "a"}), {"type": "NFKD"}),
          "pre_tokenizer": level()},
         "its steps can make a letter 1,620 letters; at most 500 are allowed"),
        ({"normalizer": {"type": "Lowercase"}, "decoder": {"type": "Magic"}},
         "its step 'Magic' is not among those that are run"),
    ],
)  # fmt: skip
def test_a_step_that_could_make_texts_grow_without_bound_is_refused(document, message):
    with pytest.raises(ValueError) as caught:
        check_steps(document)
    assert str(caught.value) == message


def test_the_steps_of_known_tokenizers_are_run():
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    llama = sequence({"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁"))
    clip = sequence({"type": "NFC"}, replace({"Regex": r"\s+"}, " "), {"type": "Lowercase"})
    for document in (
        {"normalizer": llama, "decoder": replace({"String": "▁"}, " ")},
        {"normalizer": clip, "pre_tokenizer": level(), "post_processor": level(),
         "decoder": level()},
        {"normalizer": sequence({"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
         "pre_tokenizer": {"type": "Sequence",
                           "pretokenizers": [{"type": "WhitespaceSplit"}, spaces]}},
        {"normalizer": sequence({"type": "NFKC"}, {"type": "BertNormalizer"})},
    ):  # fmt: skip
        check_steps(document)


@pytest.mark.parametrize(
    ("name", "times"), [("NFKC", 18), ("NFKD", 18), ("NFC", 4), ("NFD", 4), ("Lowercase", 2)]
)
def test_no_letter_of_unicode_grows_more_than_is_said(name, times):
    step = getattr(tokenizers.normalizers, name)()
    letters = [chr(n) for n in range(0x80, 0x110000) if not 0xD800 <= n < 0xE000]
    parts = step.normalize_str("\x00".join(letters)).split("\x00")
    assert max(map(len, parts)) <= times
    assert len(parts) == len(letters)
