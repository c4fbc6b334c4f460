import pytest

from learnkit.data.text.words import Words


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("FREE entry, sooooo good: call 08452", "xxup free entry, sooo good: call 00000"),
        ("I am OK", "i am xxup ok"),
        ("CamelCase and BBC1 and 3G", "camelcase and bbc0 and 0g"),
        ("wow!!!!!! ...", "wow!!! ..."),
        ("\uff26\uff35\uff2c\uff2c \u00b2", "xxup full 0"),
        ("ÉTÉ", "xxup été"),
        ("half a \ud800 pair", "half a ? pair"),
        ("", ""),
    ],
)
def test_a_text_is_made_plain(text, plain):
    assert Words().plain(text) == plain


def test_each_rule_can_be_left_out():
    text = "NO 12 sooooo"
    assert Words(lower=False).plain(text) == "NO 00 sooo"
    assert Words(capitals=False).plain(text) == "no 00 sooo"
    assert Words(digits=False).plain(text) == "xxup no 12 sooo"
    assert Words(repeats=False).plain(text) == "xxup no 00 sooooo"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_freq": 0}, "min_freq must be a whole number of at least 1; got 0."),
        ({"min_freq": True}, "min_freq must be a whole number of at least 1; got True."),
        ({"max_vocab": 0}, "max_vocab must be a whole number from 1 to 100,000; got 0."),
        ({"max_vocab": 10**6}, "max_vocab must be a whole number from 1 to 100,000; got 1000000."),
    ],
)
def test_impossible_rules_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        Words(**options)
    assert str(caught.value) == message
