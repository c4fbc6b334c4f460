"""What a task of points checks, answers and draws."""

import pytest
import torch
import torch.nn.functional as F

from learnkit.errors import ExportError, ModelError
from learnkit.json_fields import Fields
from learnkit.tasks.points import Points, read
from learnkit.types import Batch

TASK = Points(F.mse_loss, (), ("eye", "nose"))


def test_points_move_with_the_picture_and_are_drawn():
    assert (TASK.kind, TASK.moves, TASK.paints, TASK.classes) == ("points", "points", True, ())
    assert TASK.activation == "identity"


def test_the_loss_compares_each_number():
    y = torch.tensor([[0.0, 0.5, -0.5, 1.5]])
    assert TASK.loss(y + 0.5, Batch(torch.zeros(1), y)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("preds", "y"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 4)),
        (torch.zeros(2, 3), torch.zeros(2, 3)),
        (torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.int64)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(preds, y):
    with pytest.raises(ModelError, match=r"^points need predictions and targets of one shape"):
        TASK.check(preds, Batch(torch.zeros(2), y))


def test_the_message_for_a_wrong_width_says_how_many_outputs():
    with pytest.raises(ModelError) as error:
        TASK.check(torch.zeros(2, 3), Batch(torch.zeros(2), torch.zeros(2, 4)))
    assert str(error.value) == (
        "points need predictions and targets of one shape (B, 2 P), x and y of each of P points: "
        "the model returned (2, 3) for targets (2, 4). Give the last layer 4 outputs."
    )
    TASK.check(torch.zeros(2, 4), Batch(torch.zeros(2), torch.zeros(2, 4)))


def test_an_answer_is_its_points():
    row = torch.tensor([-0.5, 0.25, 1.25, 0.0])
    answer = TASK.decode(row)
    assert torch.equal(answer.value, torch.tensor([[-0.5, 0.25], [1.25, 0.0]]))
    assert torch.equal(answer.probabilities, row)
    assert str(answer) == "eye (-0.50, 0.25), nose (1.25, 0.00)"
    assert TASK.describe(row) == str(answer)
    assert TASK.is_right(answer, row) is None


def test_points_without_names_are_told_by_their_places():
    nameless = Points(F.mse_loss)
    assert nameless.describe(torch.zeros(2)) == "(0.00, 0.00)"
    assert nameless.describe(torch.zeros(12)).endswith(", (0.00, 0.00), ... (6 points)")


def test_an_answer_that_is_no_points_is_refused():
    with pytest.raises(ExportError) as error:
        TASK.decode(torch.zeros(3))
    assert str(error.value) == (
        "the model answers with shape (3,), which is not x and y of some points; the export was "
        "changed or put together wrongly."
    )


def test_dots_are_drawn_where_the_points_are_and_nowhere_else():
    photo = torch.zeros(3, 40, 80)
    painted = TASK.paint(photo, torch.tensor([-0.5, 0.5, 3.0, 3.0]))  # the second is outside
    dot = painted.amax(0)
    rows, columns = torch.nonzero(dot).float().mean(0).tolist()
    assert (rows + 0.5, columns + 0.5) == (pytest.approx(30), pytest.approx(20))
    assert 0 < int((dot > 0).sum()) < 20
    assert photo.max() == 0
    assert painted.min() >= 0
    assert painted.max() <= 1


def test_points_of_an_answer_are_drawn_as_those_of_a_target():
    photo, row = torch.zeros(3, 32, 32), torch.tensor([0.1, 0.2, -0.3, 0.4])
    assert torch.equal(TASK.paint(photo, row), TASK.paint(photo, TASK.decode(row).value))
    assert not torch.equal(TASK.paint(photo, row), photo)


def test_an_export_keeps_the_names():
    task = read((), "identity", Fields(TASK.options()))
    assert task.names == ("eye", "nose")
    assert str(task.decode(torch.zeros(4))) == "eye (0.00, 0.00), nose (0.00, 0.00)"
    with pytest.raises(ValueError, match="field 'names' must be a list of at most 10,000 strings"):
        read((), "identity", Fields({"names": [1]}))
