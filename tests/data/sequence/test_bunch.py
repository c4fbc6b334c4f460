import numpy as np
import pytest
import torch

from learnkit import Learner, load_learner, models
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.data.splitters import grouped_splitter, stratified_splitter
from learnkit.errors import DataError


def waves(n=40, lengths=(12,)):
    """Slow waves and fast ones, of the lengths in turn."""
    steps = [np.arange(lengths[i % len(lengths)]) for i in range(n)]
    waves = [np.sin(t * (0.4 if i % 2 else 1.1) + i) for i, t in enumerate(steps)]
    return waves, [("fast", "slow")[i % 2] for i in range(n)]


def test_sequences_of_one_length_are_a_plain_tensor():
    x, y = waves()
    data = SequenceDataBunch.from_sequences(np.stack(x), y, batch_size=8)
    batch = data.one_batch()
    assert batch.x.shape == (8, 12, 1)
    assert batch.x.dtype == torch.float32
    assert (data.classes, data.n_in) == (("fast", "slow"), 1)
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (32, 8)


def test_training_is_scaled_to_mean_0_and_spread_1_and_validation_by_the_same_numbers():
    x = [np.full(4, 10.0), np.full(4, 14.0)]
    valid = ([np.full(4, 16.0), np.full(4, 12.0)], [1, 0])
    data = SequenceDataBunch.from_sequences(x, [0, 1], valid=valid, batch_size=2)
    assert sorted(data.one_batch().x[:, 0, 0].tolist()) == [-1.0, 1.0]
    assert data.one_batch(train=False).x[0, 0, 0] == 2.0
    plain = SequenceDataBunch.from_sequences(x, [0, 1], valid=valid, normalize=False, batch_size=2)
    assert sorted(plain.one_batch().x[:, 0, 0].tolist()) == [10.0, 14.0]


def test_without_targets_the_last_step_is_the_target():
    data = SequenceDataBunch.from_sequences(
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], valid_pct=0.5, normalize=False, batch_size=1
    )
    both = torch.cat([data.one_batch().x, data.one_batch(train=False).x])
    assert sorted(both[:, :, 0].tolist()) == [[1, 2], [4, 5]]
    assert data.one_batch().y.shape == (1, 1)
    assert float(data.one_batch().y) in (3.0, 6.0)


def test_values_have_a_column_as_the_model_gives_it():
    x, _ = waves(10)
    data = SequenceDataBunch.from_sequences(x, np.linspace(0, 1, 10), batch_size=4)
    assert data.one_batch().y.shape == (4, 1)
    assert data.classes == ()


@pytest.mark.usefixtures("no_checks")
@pytest.mark.parametrize("lengths", [(12,), (9, 12, 10)])
def test_an_export_answers_as_the_learner_does(tmp_path, lengths):
    x, y = waves(80, lengths)
    data = SequenceDataBunch.from_sequences(x, y, batch_size=16)
    ragged = len(lengths) > 1
    model = models.lstm(data.n_in, 2, hidden=12, ragged=ragged, bidirectional=ragged)
    learn = Learner(data, model, metrics="accuracy", device="cpu")
    learn.fit(12, 2e-2, progress=False)
    assert learn.history[-1]["accuracy"] > 0.9
    loaded = load_learner(learn.export(tmp_path / "waves"), device="cpu")
    for item in x[:3]:
        ours, theirs = learn.predict(item), loaded.predict(item)
        assert torch.equal(ours.probabilities, theirs.probabilities)
        assert ours.label == theirs.label
    assert [p.label for p in loaded.predict_batch(x[:5])] == [
        loaded.predict(w).label for w in x[:5]
    ]


def test_a_batch_is_told_in_words(capsys):
    data = SequenceDataBunch.from_sequences(
        [[1, 2], [3, 4]] * 2, ["a", "b"] * 2, split=([0, 1], [2, 3]), normalize=False, bs=1
    )
    data.show_batch(1)
    assert capsys.readouterr().out in ("'2 steps of 1: 1, 2' -> a\n", "'2 steps of 1: 3, 4' -> b\n")
    text = SequenceDataBunch.from_text("ab" * 30, seq_len=3, batch_size=2)
    text.show_batch(1)
    assert capsys.readouterr().out in (
        "'aba' -> 'bab'\n",
        "'bab' -> 'aba'\n",
        "'<end>ab' -> 'aba'\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([[1, 2], [3, 4]], [0]),
            "each sequence needs a target: found 2 sequences and 1 targets.",
        ),
        (
            ([[1], [3]],),
            "sequence 0 has one step; without targets the last one is predicted from those before "
            "it, so give at least two.",
        ),
    ],
)
def test_sequences_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(DataError) as error:
        SequenceDataBunch.from_sequences(*arguments)
    assert str(error.value) == message


def test_valid_and_a_share_are_not_both_taken():
    with pytest.raises(DataError) as error:
        SequenceDataBunch.from_sequences([[1, 2]], [0], valid=([[1, 2]], [0]), valid_pct=0.1)
    assert str(error.value) == "valid and valid_pct=0.1 were both given: give one."
    with pytest.raises(DataError) as error:
        SequenceDataBunch.from_text("abc", valid="abc", valid_pct=0.1)
    assert str(error.value) == "valid and valid_pct=0.1 were both given: give one."


def refusal(*args, **options):
    with pytest.raises(DataError) as error:
        SequenceDataBunch.from_sequences(*args, **options)
    return str(error.value)


def test_windows_of_one_series_stay_on_one_side():
    x, y = waves(40)
    series = [i // 4 for i in range(40)]
    data = SequenceDataBunch.from_sequences(x, y, split=grouped_splitter(series), batch_size=8)
    rows = torch.cat([batch.x for batch in data.valid_dl])[:, :, 0]
    held = [tuple(row) for row in rows.tolist()]
    scaled = [tuple(data.inputs.encode(wave)[:, 0].tolist()) for wave in x]
    places = {scaled.index(row) for row in held}
    assert len(places) == 8
    assert all({i // 4 * 4 + j for j in range(4)} <= places for i in places)
    assert data.split.startswith("whole groups, ")
    stratified = SequenceDataBunch.from_sequences(x, y, split=stratified_splitter(0.5), bs=8)
    targets = torch.cat([batch.y for batch in stratified.valid_dl])
    assert np.bincount(targets).tolist() == [10, 10]


def test_only_one_way_to_divide_is_taken():
    x, y = waves(8)
    split = ([0, 1], [2])
    assert refusal(x, y, split=split, valid_pct=0.2) == (
        "split and valid_pct=0.2 were both given: give one."
    )
    assert refusal(x, y, split=split, valid=(x, y)) == (
        "valid and split were both given: give one."
    )


def test_rare_classes_can_come_as_often():
    x, _ = waves(60)
    y = ["a"] * 50 + ["b"] * 10
    split = (range(10, 58), [0, 1, 58, 59])
    data = SequenceDataBunch.from_sequences(x, y, split=split, sampling="balanced", batch_size=8)
    drawn = torch.cat([batch.y for batch in data.train_dl])
    assert np.bincount(drawn).tolist() == [24, 24]


def test_the_classes_of_both_sides_are_compared():
    x, _ = waves(40)
    assert refusal(x, ["a"] * 40) == (
        "Training needs samples of at least two classes: all 32 are of class 'a'."
    )
    y = ["a", "b"] * 19 + ["c", "c"]
    assert refusal(x, y, split=(range(38), [38, 39])) == (
        "Class 'c' is among the validation samples alone: training has 'a', 'b'. Add training "
        "samples of it, or give every class in classes=."
    )
    with pytest.warns(UserWarning, match="Class 'b' is trained on, but validation has no sample"):
        SequenceDataBunch.from_sequences(x, ["a", "b"] * 20, split=(range(38), [38]), bs=8)


def test_a_batch_is_written_to_a_file(tmp_path, capsys):
    x, y = waves()
    data = SequenceDataBunch.from_sequences(x, y, batch_size=8)
    data.show_batch(2)
    data.show_batch(2, path=tmp_path / "batch.txt")
    assert (tmp_path / "batch.txt").read_text() == capsys.readouterr().out
    with pytest.raises(DataError, match=r"^show_batch shows at least 1 sample: found n=0\.$"):
        data.show_batch(0)
    with pytest.raises(TypeError, match=r"has no argument 'pth'\. Did you mean 'path'"):
        data.show_batch(pth="batch.txt")


def test_what_is_no_list_of_targets_is_said():
    x, y = waves(8)
    assert refusal(x, iter(y)) == "targets must be a list or an array; found list_iterator."


# ---------------------------------------------------------------- texts


def test_a_text_becomes_streams_of_tokens():
    data = SequenceDataBunch.from_text("abc " * 100, seq_len=8, batch_size=4)
    x, y = data.one_batch()
    assert (x.shape, y.shape, x.dtype) == ((4, 8), (4, 8), torch.int64)
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert data.classes == ("<unknown>", "<end>", " ", "a", "b", "c")
    assert data.vocabulary.tokens == data.classes
    assert data.task.kind == "language"


def test_validation_is_the_end_of_the_text_and_has_fewer_rows_where_it_is_short():
    text = "a" * 90 + "b" * 10
    data = SequenceDataBunch.from_text(text, seq_len=4, batch_size=8)
    x, y = data.one_batch(train=False)
    assert x.shape == (2, 4)
    assert {data.classes[i] for i in y.flatten().tolist()} == {"<unknown>"}  # not in training
    assert data.split == "the last 10% of the text held out"


def test_only_training_decides_what_is_known():
    data = SequenceDataBunch.from_text("ab" * 40, valid="cab" * 9, seq_len=4, batch_size=2)
    assert data.classes == ("<unknown>", "<end>", "a", "b")


def test_names_stand_one_behind_the_other_with_ends_between(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("emma\nava\nolivia\n" * 20)
    data = SequenceDataBunch.from_text(path, lines=True, seq_len=12, batch_size=2)
    assert "\n" not in data.classes
    assert "<end>" in data.inputs.words(data.one_batch().x[0])


def test_words_are_tokens_too():
    data = SequenceDataBunch.from_text("to be or not " * 40, level="word", seq_len=4, batch_size=2)
    assert data.classes[2:] == (" ", " be", " not", " or", " to", "to")


@pytest.mark.parametrize("seq_len", [0, 2.0, True])
def test_a_row_has_at_least_one_token(seq_len):
    with pytest.raises(DataError) as error:
        SequenceDataBunch.from_text("abc", seq_len=seq_len)
    assert str(error.value) == f"seq_len must be a whole number from 1 on: found {seq_len!r}."


def test_each_kind_says_what_it_has_not():
    text = SequenceDataBunch.from_text("ab" * 40, seq_len=4, batch_size=2)
    with pytest.raises(DataError) as error:
        _ = text.n_in
    assert str(error.value) == "a text has no n_in: its x are tokens, int64 (B, T)."
    numbers = SequenceDataBunch.from_sequences([[1, 2], [3, 4]], [0.5, 1.5], batch_size=1)
    with pytest.raises(DataError) as error:
        _ = numbers.vocabulary
    assert str(error.value) == "sequences of numbers have no vocabulary; see n_in and classes."


def test_the_tokens_of_a_text_are_not_counted_as_classes() -> None:
    data = SequenceDataBunch.from_text("to be or not to be, " * 40, seq_len=8, batch_size=4)
    found = str(data.check(show=False))
    assert "<unknown>" not in found
    assert "missing class" not in found
