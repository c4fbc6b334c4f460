import pytest
import torch
import torch.nn.functional as F
from torch import nn

from learnkit.data.sequence.vocabulary import Vocabulary
from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.metrics import accuracy, perplexity
from learnkit.tasks.language import LanguageModel, read
from learnkit.types import Batch

TASK = LanguageModel(F.cross_entropy, ("a", "b", "c"))
X = torch.zeros(2, 4, dtype=torch.int64)
Y = torch.tensor([[0, 1, 2, 0], [2, 2, 1, 1]])
PREDS = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_that_of_all_places_alike():
    expected = nn.NLLLoss()(PREDS.log_softmax(2).flatten(0, 1), Y.flatten())
    torch.testing.assert_close(TASK.loss(PREDS, Batch(X, Y)), expected)
    smooth = LanguageModel(nn.CrossEntropyLoss(label_smoothing=0.1), TASK.classes)
    assert smooth.loss(PREDS, Batch(X, Y)) != expected


def test_metrics_see_each_place_as_a_sample():
    preds, targets = TASK.compare(PREDS, Batch(X, Y))
    assert (preds.shape, targets.shape) == ((8, 3), (8,))
    right = (PREDS.argmax(2) == Y).float().mean()
    torch.testing.assert_close(accuracy(preds, targets), right)
    nats = F.cross_entropy(preds, targets)
    torch.testing.assert_close(perplexity()(preds, targets), nats.exp().double())


def test_an_answer_is_about_what_comes_after_the_last_place():
    probabilities = TASK.activate(PREDS)
    torch.testing.assert_close(probabilities.sum(2), torch.ones(2, 4))
    answer = TASK.decode(probabilities[0])
    assert torch.equal(answer.probabilities, probabilities[0, -1])
    assert answer.label == TASK.classes[int(PREDS[0, -1].argmax())]
    assert TASK.describe(Y[1]) == "b"
    assert TASK.is_right(answer, torch.tensor([9, answer.index])) is True
    assert TASK.is_right(answer, torch.tensor([answer.index, 9])) is False


def test_what_is_unknown_is_no_answer():
    task = LanguageModel(F.cross_entropy, Vocabulary.of(["ab"]).tokens)
    assert task.classes == ("<unknown>", "<end>", "a", "b")
    row = torch.tensor([[0.4, 0.1, 0.2, 0.3]])
    answer = task.decode(row)
    assert (answer.label, answer.index, str(answer)) == ("b", 3, "b (30.0%)")
    assert torch.equal(answer.probabilities, row[0])
    assert LanguageModel(F.cross_entropy, ("w", "x", "y", "z")).decode(row).label == "w"


@pytest.mark.parametrize(
    ("preds", "y", "message"),
    [
        (
            torch.zeros(2, 3, 4),
            Y,
            "a model of language must return logits (B, T, V), here (2, 4, 3) for targets (2, 4) "
            "and 3 tokens; found (2, 3, 4).",
        ),
        (
            (PREDS,),
            Y,
            "a model of language must return logits (B, T, V), here (2, 4, 3) for targets (2, 4) "
            "and 3 tokens; found tuple.",
        ),
        (PREDS, Y + 1, "targets must be tokens, int64 from 0 to 2; found int64 from 1 to 3."),
    ],
)
def test_what_does_not_belong_together_is_refused(preds, y, message):
    with pytest.raises(ModelError) as error:
        TASK.check(preds, Batch(X, y))
    assert str(error.value) == message


def test_the_task_of_an_export_reads_the_same_and_has_no_loss():
    again = read(TASK.classes, TASK.activation, Fields(TASK.options()))
    row = again.activate(PREDS)[0]
    assert torch.equal(
        again.decode(row).probabilities, TASK.decode(TASK.activate(PREDS)[0]).probabilities
    )
    with pytest.raises(ModelError, match="keeps no loss"):
        again.loss(PREDS, Batch(X, Y))


def test_an_export_with_another_width_is_refused():
    with pytest.raises(ExportError, match="the model answers with 3 numbers, but its card names 2"):
        read(("a", "b"), "softmax", Fields({})).decode(TASK.activate(PREDS)[0])
