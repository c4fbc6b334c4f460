import pytest
import torch

from learnkit.data.splitters import grouped_splitter
from learnkit.data.text.bunch import TextDataBunch
from learnkit.data.text.words import Words
from learnkit.errors import DataError

pytest.importorskip("tokenizers", reason="needs the extra text")

TEXTS = [f"free prize number {w} for you now" for w in "abcdefghij"] + [
    f"see you at {w}" for w in "klmnopqrst"
]
LABELS = ["spam"] * 10 + ["ham"] * 10


def bunch(**options):
    options = {"batch_size": 4, "valid_pct": 0.2} | options
    return TextDataBunch.from_lists(TEXTS, LABELS, **options)


def everything(data):
    return [
        (b.batch.x.tolist(), b.batch.y.tolist(), b.indices.tolist())
        for loader in (data.train_dl, data.valid_dl)
        for b in loader.batches(0)
    ]


def test_all_sources_give_the_same_batches(tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs the extra tables")
    df = pandas.DataFrame({"text": TEXTS, "label": LABELS})
    df.to_csv(tmp_path / "t.csv", index=False)
    lines = [f"{label}\t{text}" for label, text in zip(LABELS, TEXTS, strict=True)]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    options = {"batch_size": 4, "valid_pct": 0.2}
    expected = everything(bunch())
    for data in (
        TextDataBunch.from_df(df, **options),
        TextDataBunch.from_df({"text": TEXTS, "label": LABELS}, **options),
        TextDataBunch.from_csv(tmp_path / "t.csv", **options),
        TextDataBunch.from_csv(
            tmp_path / "t.tsv", delimiter="\t", header=False, text_col=1, label_col=0, **options
        ),
    ):
        assert everything(data) == expected
        assert data.classes == ("ham", "spam")


@pytest.mark.filterwarnings("ignore:There are fewer training samples")
def test_a_class_of_one_text_again_and_again_is_told_why_it_is_on_one_side():
    with pytest.raises(DataError) as refused:
        TextDataBunch.from_lists(["a b c", "d e f"] * 10, ["x", "y"] * 10)
    assert str(refused.value) == (
        "Class 'y' is in the validation part of the list but not in the training part of the list, "
        "which has 'x'. Equal texts stay on one side, so a class needs two different ones: add "
        "some, or pass another seed, or every class in classes=."
    )


def test_quotes_may_be_signs_like_any_other(tmp_path):
    lines = ['ham\t"hello', 'spam\tprize"', "ham\tbye now", "spam\tfree text"]
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    data = TextDataBunch.from_csv(
        tmp_path / "t.tsv",
        delimiter="\t",
        header=False,
        quotes=False,
        text_col=1,
        label_col=0,
        valid_pct=0.5,
        batch_size=2,
    )
    assert data.train_dl.n_samples + data.valid_dl.n_samples == 4


def test_folders_are_read(tmp_path):
    for part in ("train", "valid"):
        for label, text in (("ham", "see you"), ("spam", "free prize")):
            file = tmp_path / part / label / "a.txt"
            file.parent.mkdir(parents=True)
            file.write_text(f"{text} {part}")
    data = TextDataBunch.from_folder(tmp_path, batch_size=2)
    assert data.valid_texts == ("see you valid", "free prize valid")
    assert data.train_dl.describe(1) == "train/spam/a.txt"


def test_a_hugging_face_dataset_is_read():
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    features = datasets.Features(
        {"sms": datasets.Value("string"), "kind": datasets.ClassLabel(names=["spam", "ham"])}
    )
    columns = {"sms": TEXTS, "kind": [label == "ham" for label in LABELS]}
    whole = datasets.Dataset.from_dict(columns, features=features)
    data = TextDataBunch.from_hf(whole, valid_pct=0.2, batch_size=4)
    assert data.classes == ("spam", "ham")
    assert (data.train_dl.n_samples, data.valid_dl.n_samples) == (16, 4)
    both = datasets.DatasetDict({"train": whole, "validation": whole})
    data = TextDataBunch.from_hf(both, batch_size=4)
    assert data.split == "as the dataset's: split 'train' and split 'validation'"
    with pytest.raises(DataError) as caught:
        TextDataBunch.from_hf(both, valid_pct=0.2)
    assert str(caught.value) == (
        "valid_pct=0.2 was given, but the dataset has a split 'validation' to validate on. Leave "
        "valid_pct out, or give the training split alone."
    )


def test_the_vocabulary_is_that_of_training_alone():
    table = {
        "text": ["a a", "b b", "c c", "a b"],
        "label": ["x", "y", "x", "y"],
        "held": [0, 0, 1, 1],
    }
    data = TextDataBunch.from_df(table, valid_col="held", batch_size=2)
    assert data.inputs.tokenizer.vocab == ("a", "b")
    assert data.split == "by the table's own column"
    assert [b.x.tolist() for b in data.valid_dl] == [[[1, 1], [2, 3]]]


def test_held_out_texts_stand_in_the_order_of_their_loader():
    data = bunch(valid_pct=0.5)
    loaded = next(data.valid_dl.batches(0))
    assert loaded.indices.tolist() == [0, 1, 2, 3]
    assert len(data.valid_texts) == 10
    assert [len(text.split()) for text in data.valid_texts] == sorted(
        (len(text.split()) for text in data.valid_texts), reverse=True
    )
    for place, x in enumerate(loaded.batch.x):
        words = data.inputs.words(x).split()
        assert len(words) == len(data.valid_texts[place].split())
        label = data.classes[int(loaded.batch.y[place])]
        assert label == LABELS[TEXTS.index(data.valid_texts[place])]


def test_an_empty_text_names_its_row(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\na,x\n  ,y\nb,y\n")
    with pytest.raises(DataError) as caught:
        TextDataBunch.from_csv(tmp_path / "t.csv")
    assert str(caught.value) == (
        f"Table {tmp_path / 't.csv'}, line 3 has no text (column 'text'). Fill it in, or remove "
        "the row."
    )


def test_several_labels_make_booleans():
    labels = ["a b", "b", "", "a"] * 5
    data = TextDataBunch.from_lists(
        [f"{t} {i}" for i, t in enumerate(TEXTS)], labels, label_delim=" ", batch_size=4
    )
    assert data.one_batch().y.shape == (4, 2)
    assert data.one_batch().y.dtype == torch.bool
    assert data.task.kind == "multilabel"


def test_show_batch_prints_and_returns_rows(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    data = bunch()
    rows = data.show_batch(2)
    out = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert out[0] == "label  text"
    assert all(len(line) <= 27 for line in out)
    assert data.show_batch(2, path=tmp_path / "rows.txt") == rows
    assert (tmp_path / "rows.txt").read_text().splitlines() == out
    with pytest.raises(DataError) as caught:
        data.show_batch(0)
    assert str(caught.value) == "show_batch shows at least 1 text: found n=0."


def test_it_says_what_it_holds():
    assert repr(bunch()).splitlines()[0] == "TextDataBunch of 2 classes: ham, spam"
    assert repr(bunch()).splitlines()[-1] == "  vocabulary 10"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bunch(max_len=0),
         "max_len must be a whole number of tokens from 1 to 100,000: found 0."),
        (lambda: bunch(seed="x"), "seed must be a whole number: found 'x'."),
        (lambda: bunch(label_delim=""),
         "label_delim must be the text between labels, such as ' ': found ''."),
        (lambda: bunch(batch_size=0), "batch_size must be a whole number of at least 1: found 0."),
        (lambda: TextDataBunch.from_lists(["a"], ["x", "y"]),
         "texts and labels must be equally long: found 1 and 2."),
        (lambda: bunch(valid_pct=20),
         "valid_pct must be a fraction between 0 and 1, found 20. Did you mean 0.2?"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used_are_refused(call, message):
    with pytest.raises(DataError) as caught:
        call()
    assert str(caught.value) == message


def test_a_misspelt_option_names_the_nearest():
    with pytest.raises(TypeError, match="Did you mean 'tokenizer'"):
        bunch(tokeniser=Words())


def test_a_split_of_ones_own_keeps_senders_apart():
    table = {"text": TEXTS, "label": LABELS, "sender": [f"s{i % 5}" for i in range(20)]}
    data = TextDataBunch.from_df(table, split=grouped_splitter("sender", 0.2), batch_size=4)
    held = {TEXTS.index(text) % 5 for text in data.valid_texts}
    assert (len(held), len(data.valid_texts)) == (1, 4)
    assert data.split == "whole groups, 0.2 of the samples held out at random, by seed 42"
    pair = (list(range(1, 19)), [0, 19])
    data = TextDataBunch.from_lists(TEXTS, LABELS, split=pair, batch_size=4)
    assert set(data.valid_texts) == {TEXTS[0], TEXTS[19]}
    with pytest.raises(DataError) as caught:
        bunch(split=pair)
    assert str(caught.value) == "split and valid_pct=0.2 were both given: give one."


def test_a_split_is_told_the_labels_unless_there_are_several():
    seen = []

    def split(samples):
        seen.append(samples.labels)
        return list(range(10, 20)), list(range(10))

    for labels in (["spam", "ham"] * 10, [["a"], ["b"]] * 10):
        TextDataBunch.from_lists(TEXTS, labels, split=split, batch_size=4)
    assert seen == [["spam", "ham"] * 10, None]


def test_rare_classes_come_as_often_as_the_others():
    labels = ["spam"] * 4 + ["ham"] * 16
    options = {"batch_size": 4, "split": (list(range(2, 20)), [0, 1])}
    data = TextDataBunch.from_lists(TEXTS, labels, sampling="balanced", **options)
    drawn = torch.cat([b.batch.y for b in data.train_dl.batches(0)])
    assert drawn.bincount().tolist() == [9, 9]
    again = torch.cat([b.batch.y for b in data.train_dl.batches(0)])
    assert torch.equal(drawn, again)
    plain = TextDataBunch.from_lists(TEXTS, labels, **options)
    assert plain.train_dl.identity != data.train_dl.identity
    weights = [0.0] * 10 + [1.0] * 10
    data = TextDataBunch.from_lists(TEXTS, labels, sampling=weights, **options)
    places = {int(i) for b in data.train_dl.batches(0) for i in b.indices}
    assert places == set(range(8, 18))


def test_lists_of_labels_are_several_labels_from_every_source():
    lists = [["a", "b"], ["b"], [], ["a"]] * 5
    data = TextDataBunch.from_df({"text": TEXTS, "label": lists}, batch_size=4)
    assert (data.classes, data.task.kind) == (("a", "b"), "multilabel")
    delimited = [" ".join(labels) for labels in lists]
    same = TextDataBunch.from_lists(TEXTS, delimited, label_delim=" ", batch_size=4)
    assert everything(data) == everything(same)
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    kind = (getattr(datasets, "List", None) or datasets.Sequence)(
        datasets.ClassLabel(names=["b", "a"])
    )
    whole = datasets.Dataset.from_dict(
        {"text": TEXTS, "labels": [["ba".index(x) for x in labels] for labels in lists]},
        features=datasets.Features({"text": datasets.Value("string"), "labels": kind}),
    )
    data = TextDataBunch.from_hf(whole, valid_pct=0.2, batch_size=4)
    assert (data.classes, data.task.kind) == (("b", "a"), "multilabel")
