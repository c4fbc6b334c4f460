import io
import pickle
from collections import OrderedDict

import pytest
import torch
from torch._weights_only_unpickler import load

from learnkit.models.pickle_weight import MAX_WEIGHT, heaviest


def weight(data: bytes, n: int = 1) -> int:
    return heaviest(io.BytesIO(data), n)


def doubled(times: int) -> bytes:
    """A tuple that holds one twice, which holds one twice ..., as the key of a dict."""
    return b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * times + b"}h\x00K\x01s."


def deep(times: int) -> bytes:
    """A tuple in a tuple in a tuple ..., as the key of a dict."""
    return b"\x80\x02})" + b"\x85" * times + b"K\x01s."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 1),
        ((), 1),
        ((1, 2), 3),
        ((1, (2, 3), 4, 5), 7),
        ([(1, 2)] * 100, 3),
        ({"a": (1, 2, 3), "b": [None] * 50}, 4),
        ({str(n): n for n in range(5000)}, 1),
    ],
)
def test_a_tuple_weighs_what_is_in_it(value: object, expected: int) -> None:
    assert weight(pickle.dumps(value, 2)) == expected


@pytest.mark.parametrize("new", [True, False])
def test_what_torch_writes_is_light(new: bool) -> None:
    import zipfile

    state = OrderedDict({f"layer{n}.weight": torch.zeros(2, 3, 4, 5) for n in range(200)})
    parameter = torch.nn.Parameter(torch.zeros(3))
    whole = {"model": state, "p": parameter, "optimizer": {"lr": [0.1] * 9, "betas": (0.9, 0.99)}}
    out = io.BytesIO()
    torch.save(whole, out, _use_new_zipfile_serialization=new)
    if new:
        with zipfile.ZipFile(out) as records:
            data = records.read("archive/data.pkl")
        assert 0 < weight(data) < 50
    else:
        assert 0 < weight(out.getvalue(), 5) < 50


@pytest.mark.parametrize("make", [doubled, deep])
def test_weight_grows_with_what_is_in_a_value(make: object) -> None:
    assert weight(make(9)) == (1023 if make is doubled else 10)  # type: ignore[operator]
    assert weight(make(100_000)) > MAX_WEIGHT  # type: ignore[operator]


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + b"(" + b"h\x00" * 2 + b"t.",  # nothing is remembered
        b"\x80\x02\x86.",  # nothing to put into a tuple
        b"\x80\x02t.",  # no mark
        b"\x80\x02s.",
        b"\x80\x02R.",
        b"\x80\x02q\x00.",
        b"\x80\x020.",  # an instruction that torch does not follow
        b"\x80\x02\x95" + bytes(8) + b".",
    ],
)
def test_it_ends_where_torch_ends(data: bytes) -> None:
    assert weight(data) <= 1
    with pytest.raises((pickle.UnpicklingError, LookupError)):
        load(io.BytesIO(data))


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"\x80\x02K", b"\x80\x02K\x01", b"X\xff\xff\xff\xff"]
)
def test_what_is_no_pickle_is_told(data: bytes) -> None:
    with pytest.raises(ValueError):
        weight(data)


def test_pickles_follow_each_other() -> None:
    light, heavy = pickle.dumps(1, 2), doubled(20)
    assert weight(light + light + heavy, 2) == 1
    assert weight(light + light + heavy, 3) > MAX_WEIGHT
