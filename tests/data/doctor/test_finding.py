from learnkit.data.doctor.finding import KINDS, RANKS, counted, some_of


def test_a_few_names_are_listed_and_the_others_counted():
    assert some_of(["a"]) == "a"
    assert some_of(["a", "b"]) == "a, b"
    assert some_of([str(n) for n in range(2003)]) == "0, 1 and 2,001 more"


def test_one_is_singular():
    assert counted(1, "photo", "photos") == "1 photo"
    assert counted(0, "photo", "photos") == "0 photos"
    assert counted(12345, "photo", "photos") == "12,345 photos"


def test_the_test_part_is_held_out_most():
    assert sorted(RANKS, key=RANKS.__getitem__) == ["all", "train", "valid", "test"]


def test_each_kind_is_listed_once():
    assert len(set(KINDS)) == len(KINDS) == 16
