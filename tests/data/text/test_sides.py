import pytest

from learnkit.data.text.rows import TextRows
from learnkit.data.text.sides import hold_out, sides_of_folders
from learnkit.errors import DataError


def rows_of(texts, labels=None):
    labels = labels or ["x"] * len(texts)
    return TextRows(texts, labels, [f"row {i}" for i in range(len(texts))], "the table")


def test_equal_texts_stay_on_one_side_whatever_their_capitals_and_spaces():
    texts = [f"text {i}" for i in range(40)] + [f"  TEXT   {i} " for i in range(40)]
    for seed in range(5):
        sides = hold_out(rows_of(texts), 0.25, stratified=False, seed=seed)
        keys = [
            {" ".join(text.lower().split()) for text in side.texts}
            for side in (sides.train, sides.valid)
        ]
        assert not keys[0] & keys[1]
        assert len(sides.valid.texts) == 20
        assert len(sides.train.texts) == 60


def test_each_class_has_its_share():
    sides = hold_out(
        rows_of([f"t{i}" for i in range(100)], ["rare"] * 10 + ["often"] * 90),
        0.2,
        stratified=True,
        seed=1,
    )
    assert sides.valid.labels.count("rare") == 2
    assert sides.split == (
        "0.2 of the samples held out at random, of each class its share, by seed 1, "
        "equal texts on one side"
    )


def test_a_split_needs_two_different_texts():
    with pytest.raises(DataError) as caught:
        hold_out(rows_of(["a b", "A  b"]), 0.5, stratified=True, seed=0)
    assert str(caught.value) == (
        "A split needs at least two different texts, one for training and one for validation: "
        "the table has 1."
    )


def test_classes_of_one_text_each_are_split_without_shares():
    sides = hold_out(rows_of(["a", "b"], ["x", "y"]), 0.5, stratified=True, seed=0)
    assert len(sides.train.texts) == len(sides.valid.texts) == 1


@pytest.fixture
def folders(tmp_path):
    for part, name in (("train", "ham"), ("train", "spam"), ("valid", "ham")):
        for number in range(3):
            file = tmp_path / part / name / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{part} {name} {number}")
    return tmp_path


def split(path, valid_pct=None, valid="valid"):
    return sides_of_folders(
        path, train="train", valid=valid, valid_pct=valid_pct, stratified=True, seed=0
    )


def test_both_folders_are_read(folders):
    sides = split(folders)
    assert len(sides.train.texts) == 6
    assert sides.valid.labels == ["ham"] * 3
    assert sides.split == f"as the folders are: {folders / 'train'} and {folders / 'valid'}"


def test_one_folder_is_split(folders):
    sides = split(folders, valid_pct=0.5, valid="other")
    assert (len(sides.train.texts), len(sides.valid.texts)) == (3, 3)
    sides = split(folders / "train", valid_pct=0.5)
    assert (len(sides.train.texts), len(sides.valid.texts)) == (3, 3)


def test_a_folder_that_is_not_there_is_named(folders):
    layouts = (
        "Expected train/<class>/*.txt and dev/<class>/*.txt in it, or <class>/*.txt with "
        "valid_pct=0.2."
    )
    with pytest.raises(DataError) as caught:
        split(folders, valid="dev")
    assert str(caught.value) == (
        f"Folder {folders} has no folder 'dev': found 2 folders (train, valid). {layouts}"
    )
    with pytest.raises(DataError) as caught:
        split(folders / "nothing", valid="dev")
    assert str(caught.value) == f"Folder {folders / 'nothing'} does not exist. {layouts}"


def test_a_fraction_and_a_folder_are_one_too_many(folders):
    with pytest.raises(DataError) as caught:
        split(folders, valid_pct=0.2)
    assert str(caught.value) == (
        f"valid_pct=0.2 was given, but {folders} has a folder 'valid' too. Leave valid_pct out to "
        f"validate on {folders / 'valid'}, or move that folder away."
    )
