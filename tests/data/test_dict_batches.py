import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from learnkit.data.bunch import DataBunch
from learnkit.data.dict_batches import DictReader
from learnkit.errors import DataError
from learnkit.learner import Learner
from learnkit.metrics import accuracy
from learnkit.models.named_inputs import by_name


def message_of(function, *args, **kwargs):
    with pytest.raises(DataError) as error:
        function(*args, **kwargs)
    return str(error.value)


def rows(*keys: str, n: int = 24) -> list[dict[str, torch.Tensor]]:
    made = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    x = torch.randn(n, 4, generator=made) + 3 * y[:, None]
    return [{"labels": y[i], **dict.fromkeys(keys, x[i])} for i in range(n)]


def loader(rows, **options) -> DataLoader:
    return DataLoader(rows, 8, **options)


class Text(nn.Module):
    """Takes its inputs by name and returns an object with logits, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, input_ids, attention_mask):
        return {"logits": self.layer(input_ids * attention_mask.sign().abs())}


def test_one_input_is_x_itself():
    batch = DataBunch.from_dls(loader(rows("pixel_values"))).one_batch()
    assert batch.x.shape == (8, 4)
    assert batch.y.tolist() == [0, 1] * 4


def test_several_inputs_are_a_dict():
    batch = DataBunch.from_dls(loader(rows("input_ids", "attention_mask"))).one_batch()
    assert list(batch.x) == ["input_ids", "attention_mask"]


def test_keys_may_be_named_and_others_are_left_out():
    data = DataBunch.from_dls(loader(rows("a", "b", "weight")), x_keys=["b", "a"], y_key="labels")
    assert list(data.one_batch().x) == ["b", "a"]
    data = DataBunch.from_dls(loader(rows("a", "b")), x_keys="b", y_key="a")
    assert data.one_batch().y.shape == (8, 4)


def test_what_is_no_tensor_is_no_input():
    named = [{**row, "name": "x"} for row in rows("a")]
    assert isinstance(DataBunch.from_dls(loader(named)).one_batch().x, torch.Tensor)


def test_a_learner_trains_on_one_input_end_to_end():
    data = DataBunch.from_dls(
        loader(rows("pixel_values"), shuffle=True),
        loader(rows("pixel_values")),
        classes=["no", "yes"],
    )
    learn = Learner(data, nn.Linear(4, 2), metrics=accuracy)
    learn.fit(10, 0.1)
    assert learn.history[-1]["accuracy"] > 0.9


def test_a_learner_trains_on_several_inputs_end_to_end():
    some = rows("input_ids", "attention_mask")
    data = DataBunch.from_dls(loader(some, shuffle=True), loader(some), classes=["no", "yes"])
    learn = Learner(data, by_name(Text()), metrics=accuracy)
    learn.fit(10, 0.1)
    assert learn.history[-1]["accuracy"] > 0.9
    preds, targets = learn.get_preds()
    assert preds.shape == (24, 2)
    assert targets.tolist() == [0, 1] * 12


def test_batches_are_the_same_from_inside_an_epoch():
    data = DataBunch.from_dls(loader(rows("a"), shuffle=True))
    whole = [loaded.batch.x for loaded in data.train_dl.batches(1)]
    rest = [loaded.batch.x for loaded in data.train_dl.batches(1, start=2)]
    assert torch.equal(torch.cat(whole[2:]), torch.cat(rest))


def test_a_missing_key_is_named_with_the_nearest():
    some = loader(rows("input_ids"))
    assert message_of(DataBunch.from_dls(some, y_key="label").one_batch) == (
        "A batch has no key 'label' (option y_key). Did you mean 'labels'? Its keys are: labels, "
        "input_ids."
    )
    assert message_of(DataBunch.from_dls(some, x_keys="input_id").one_batch) == (
        "A batch has no key 'input_id' (option x_keys). Did you mean 'input_ids'? Its keys are: "
        "labels, input_ids."
    )
    answers = [{"answer": row["labels"]} for row in rows()]
    assert message_of(DataBunch.from_dls(loader(answers)).one_batch) == (
        "A batch is a dict of 'answer', and none of these is known to be the target. Name it in "
        "y_key=."
    )
    assert message_of(DataBunch.from_dls(loader(rows())).one_batch) == (
        "A batch is a dict of 'labels', and besides 'labels' none of these holds a tensor to be x."
    )


def test_keys_that_cannot_be_are_refused_at_once():
    some = loader(rows("a"))
    assert message_of(DataBunch.from_dls, some, x_keys=[]) == (
        "x_keys must be a key or a list of keys: found []."
    )
    assert message_of(DataBunch.from_dls, some, x_keys=["a"], y_key="a") == (
        "A key is named twice: x_keys=['a'], y_key='a'."
    )
    assert message_of(DictReader.checked, None, 3) == "y_key must be a key: found 3."


def test_keys_are_for_dicts():
    pairs = DataLoader(TensorDataset(torch.zeros(4, 2), torch.zeros(4)), 2)
    assert message_of(DataBunch.from_dls(pairs, y_key="y").one_batch) == (
        "x_keys and y_key are for batches that are dicts; this DataLoader gives pairs (x, y). "
        "Leave them out."
    )
