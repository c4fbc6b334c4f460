import io

import pytest

from learnkit.data.archive_limits import Allowance, Counted, Limits
from learnkit.errors import DataError

MIB = 1 << 20
MORE = "If the archive is right, give untar_data a larger {}=."


def refusal(allowance: Allowance, nbytes: int) -> str:
    allowance.spend(nbytes - 1)
    with pytest.raises(DataError) as caught:
        allowance.spend(2)
    return str(caught.value)


@pytest.mark.parametrize(
    ("size", "free", "limits", "allowed", "advice"),
    [
        (9 * MIB, 1 << 50, Limits(unpacked=1000), 1000, MORE.format("max_unpacked")),
        (9 * MIB, 1 << 50, Limits(ratio=10), 90 * MIB, MORE.format("max_ratio")),
        (1, 1 << 50, Limits(), 64 * MIB, MORE.format("max_ratio")),
        (
            9 * MIB,
            100 * MIB,
            Limits(),
            36 * MIB,
            "Make room on the disk, or give untar_data another dest=.",
        ),
    ],
)
def test_the_least_of_three_limits_counts_and_is_named(
    size: int, free: int, limits: Limits, allowed: int, advice: str
) -> None:
    assert refusal(Allowance("x.tgz", size, free, limits), allowed) == (
        f"x.tgz unpacks to more than the {allowed:,} bytes that are allowed here, so it was left "
        f"packed. {advice}"
    )


def test_what_is_expected_is_not_spent() -> None:
    allowance = Allowance("x.tgz", 1, 1 << 50, Limits(unpacked=10))
    allowance.expect(10)
    allowance.spend(10)
    with pytest.raises(DataError):
        allowance.expect(1)


def test_members_are_counted() -> None:
    allowance = Allowance("x.tgz", 1, 1 << 50, Limits(members=3))
    allowance.count()
    allowance.count(2)
    with pytest.raises(DataError) as caught:
        allowance.count()
    assert str(caught.value) == (
        "x.tgz holds more than 3 files and folders, so it was left packed. If the archive is "
        "right, give untar_data a larger max_members=."
    )


def test_a_counted_stream_ends_before_too_much_is_passed_on() -> None:
    stream = Counted(io.BytesIO(bytes(100)), Allowance("x", 1, 1 << 50, Limits(unpacked=50)))
    assert stream.read(50) == bytes(50)
    with pytest.raises(DataError):
        stream.read(1)
