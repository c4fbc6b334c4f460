import pytest
import torch

from learnkit import DataBunch, Learner, models
from learnkit.callback import Callback
from learnkit.callbacks import SAM, CarryHidden, ValidateEvery
from learnkit.data.sequence.bunch import SequenceDataBunch
from learnkit.errors import DataError, ModelError
from learnkit.sanity.names import CHECKS
from learnkit.state import SkipBatch
from learnkit.testing import check_callback, tiny_learner

TEXT = "".join("abcd"[i * i % 7 % 4] for i in range(200))


def text_learner(*, dropout=0.1, **options):
    data = SequenceDataBunch.from_text(TEXT, seq_len=5, batch_size=4, valid_pct=0.2, seed=1)
    model = models.char_rnn(data.n_classes, embedding=3, hidden=4, dropout=dropout, seed=2)
    return Learner(data, model, device="cpu", precision="fp32", mute=CHECKS, **options)


class Reads(Callback):
    """Writes down the tokens of each batch and the predictions made of them."""

    looks_on = True

    def __init__(self):
        self.seen = {"train": [], "valid": []}

    def after_batch(self, state):
        self.seen[state.phase.value].append((state.batch.x.clone(), state.preds.detach().clone()))


def whole(seen):
    return torch.cat([x for x, _ in seen], 1), torch.cat([preds for _, preds in seen], 1)


def test_it_keeps_the_contract_of_callbacks():
    check_callback(CarryHidden, learner=text_learner)


def test_a_phase_is_read_as_one_long_text():
    learn, reads = text_learner(dropout=0.0, opt_func=torch.optim.SGD), Reads()
    learn.fit(1, 0.0, callbacks=[CarryHidden(), reads], progress=False)
    for phase in ("train", "valid"):
        x, preds = whole(reads.seen[phase])
        assert x.shape[1] > 5
        torch.testing.assert_close(preds, learn.model.run(x)[0])


def test_without_it_each_batch_begins_anew():
    learn, reads = text_learner(dropout=0.0, opt_func=torch.optim.SGD), Reads()
    learn.fit(1, 0.0, callbacks=reads, progress=False)
    x, preds = whole(reads.seen["train"])
    torch.testing.assert_close(preds[:, :5], learn.model.run(x)[0][:, :5])
    assert not torch.allclose(preds[:, 5:], learn.model.run(x)[0][:, 5:])


def test_a_batch_computed_in_parts_carries_the_same():
    learn, reads = text_learner(dropout=0.0, opt_func=torch.optim.SGD, micro_batch=3), Reads()
    learn.fit(1, 0.0, callbacks=[CarryHidden(), reads], progress=False)
    x, preds = whole(reads.seen["train"])
    torch.testing.assert_close(preds, learn.model.run(x)[0])


def test_a_step_that_computes_twice_begins_twice_with_the_same():
    learn, reads = text_learner(dropout=0.0, opt_func=torch.optim.SGD), Reads()
    learn.fit(1, 0.0, callbacks=[CarryHidden(), SAM(), reads], progress=False)
    x, preds = whole(reads.seen["train"])
    torch.testing.assert_close(preds, learn.model.run(x)[0])


def test_a_validation_amid_training_is_another_text():
    plain, between = text_learner(), text_learner()
    one = plain.fit(1, 1e-2, callbacks=CarryHidden(), progress=False)
    other = between.fit(1, 1e-2, callbacks=[CarryHidden(), ValidateEvery(1)], progress=False)
    assert one[0]["train_loss"] == other[0]["train_loss"]
    assert torch.equal(plain.model.decoder.weight, between.model.decoder.weight)


def test_nothing_is_left_in_the_model_after_a_fit_or_an_error():
    class Fails(Callback):
        def after_forward(self, state):
            raise RuntimeError("as planned")

    learn = text_learner()
    learn.fit(1, callbacks=CarryHidden(), progress=False)
    assert learn.model.carried is None
    with pytest.raises(RuntimeError, match="as planned"):
        learn.fit(1, callbacks=[CarryHidden(), Fails()], progress=False)
    assert learn.model.carried is None


def test_a_batch_that_is_skipped_leaves_what_was_remembered():
    class Skips(Callback):
        def before_batch(self, state):
            if state.progress.batches_done == 2:
                raise SkipBatch

    carry = CarryHidden()
    seen = []

    class Looks(Callback):
        looks_on = True

        def after_batch(self, state):
            if state.training:
                seen.append(carry.state_dict()["hidden"].clone())

    learn = text_learner()
    learn.fit(1, callbacks=[Skips(), carry, Looks()], progress=False)
    assert torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[2], seen[3])


def test_rows_whose_state_is_not_finite_begin_anew_and_the_others_go_on():
    class Breaks(Callback):
        def before_batch(self, state):
            if state.training and state.progress.batches_done == 1:
                hidden = carry.state_dict()["hidden"].clone()
                hidden[0, 0, 2, 1] = float("nan")
                carry.load_state_dict({"hidden": hidden})

    class Looks(Callback):
        looks_on = True

        def after_batch(self, state):
            if state.training:
                seen.append(carry.state_dict()["hidden"].clone())

    seen, carry = [], CarryHidden()
    learn = text_learner(nonfinite="skip")
    with pytest.warns(UserWarning, match="became nan in epoch 1, batch 2"):
        learn.fit(1, callbacks=[Breaks(), carry, Looks()], progress=False)
    assert [bool(row.any()) for row in seen[1].movedim(2, 0)] == [True, True, False, True]
    assert all(hidden.isfinite().all() and hidden.any() for hidden in seen)
    assert learn.model.decoder.weight.isfinite().all()


def test_other_data_and_other_models_are_refused():
    with pytest.raises(ModelError) as error:
        tiny_learner().fit(1, callbacks=CarryHidden(), progress=False)
    assert str(error.value) == (
        "CarryHidden needs a model that can begin with a state, such as models.char_rnn: one with "
        "an attribute `carried`; Sequential has none."
    )
    learn = text_learner()
    batch = learn.data.one_batch()
    data = DataBunch.from_arrays(batch.x, batch.y, batch_size=2, classes=learn.data.classes)
    other = Learner(data, learn.model, task=learn.data.task, device="cpu", mute=CHECKS)
    with pytest.raises(DataError) as error:
        other.fit(1, callbacks=CarryHidden(), progress=False)
    assert str(error.value) == (
        "CarryHidden needs batches whose rows go on where those of the last batch ended, as "
        "SequenceDataBunch.from_text gives them; a loader says so by `contiguous = True`. "
        "DatasetLoader does not."
    )


def test_a_fit_that_is_killed_inside_an_epoch_goes_on_with_the_same_bits(tmp_path):
    class Dies(Callback):
        looks_on = True

        def after_batch(self, state):
            if state.progress.batches_seen == 10:
                raise KeyboardInterrupt

    straight = text_learner()
    straight.fit(2, 1e-2, callbacks=CarryHidden(), progress=False)
    killed = text_learner()
    with pytest.raises(KeyboardInterrupt):
        killed.fit(
            2,
            1e-2,
            callbacks=[CarryHidden(), Dies()],
            checkpoint=tmp_path / "c",
            every_steps=1,
            progress=False,
        )
    resumed = text_learner()
    resumed.fit(
        2, 1e-2, callbacks=CarryHidden(), checkpoint=tmp_path / "c", every_steps=1, progress=False
    )
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    keys = ("train_loss", "valid_loss")
    assert [[row[k] for k in keys] for row in straight.history] == [
        [row[k] for k in keys] for row in resumed.history
    ]
