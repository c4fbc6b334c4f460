"""MLflowLog: what MLflow's own client reads from its file store."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from learnkit.callbacks.logs.mlflow_log import MLflowLog
from learnkit.learner import Learner

mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")


@pytest.fixture
def runs_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return a function that reads all runs of a store."""

    def read(folder: Path, project: str = "learnkit") -> list[Any]:
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        client = mlflow.MlflowClient(tracking_uri=folder.resolve().as_uri())
        return list(client.search_runs([client.get_experiment_by_name(project).experiment_id]))

    return read


def history(folder: Path, run: Any, key: str) -> list[tuple[int, float]]:
    client = mlflow.MlflowClient(tracking_uri=folder.resolve().as_uri())
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]


def test_steps_rows_and_settings_are_read_back(
    tmp_path: Path, make_learner: Callable[[], Learner], runs_in: Any
) -> None:
    learn, store = make_learner(), tmp_path / "ml"
    log = MLflowLog("flowers", name="one", path=store, every=5, config={"note": "first"})
    rows = learn.fit(2, 0.1, callbacks=log, progress=False)
    (run,) = runs_in(store, "flowers")
    assert (run.info.run_id, run.info.run_name, run.info.status) == (log.run, "one", "FINISHED")
    losses = [(step, learn.recorder.losses[step - 1]) for step in (5, 10)]
    assert history(store, run, "loss") == losses
    assert history(store, run, "epoch/valid_loss") == [
        (7, rows[0]["valid_loss"]),
        (14, rows[1]["valid_loss"]),
    ]
    assert run.data.params["model"] == "Linear"
    assert run.data.params["note"] == "first"
    assert run.data.params["lr"] == "[0.1, 0.1]"
    assert mlflow.active_run() is None


@pytest.mark.parametrize("after", [3, 5, 9])
def test_a_fit_that_goes_on_has_one_run_and_no_doubled_point(
    tmp_path: Path, fit_in_two_parts: Any, runs_in: Any, after: int
) -> None:
    store = tmp_path / "ml"
    fit_in_two_parts(lambda: MLflowLog(path=store, every=1), after=after)
    (run,) = runs_in(store)
    assert [step for step, _ in history(store, run, "loss")] == list(range(1, 15))
    assert [step for step, _ in history(store, run, "epoch/train_loss")] == [7, 14]
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status", "end"),
    [
        (KeyboardInterrupt(), "KILLED", "KeyboardInterrupt"),
        (RuntimeError("it broke"), "FAILED", "RuntimeError: it broke"),
    ],
)
def test_a_run_that_ends_early_is_marked(
    tmp_path: Path,
    make_learner: Callable[[], Learner],
    runs_in: Any,
    error: BaseException,
    status: str,
    end: str,
) -> None:
    from learnkit.callback import Callback

    class Fails(Callback):
        def after_forward(self, state: Any) -> None:
            raise error

    with pytest.raises(type(error)):
        make_learner().fit(1, callbacks=[MLflowLog(path=tmp_path / "ml"), Fails()], progress=False)
    (run,) = runs_in(tmp_path / "ml")
    assert (run.info.status, run.data.tags["end"]) == (status, end)


def test_the_word_that_allows_a_store_of_files_is_given_for_the_opening_alone(
    tmp_path: Path, make_learner: Callable[[], Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    make_learner().fit(1, callbacks=MLflowLog(path=tmp_path / "ml"), progress=False)
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    make_learner().fit(1, callbacks=MLflowLog(path=tmp_path / "ml"), progress=False)
    assert os.environ["MLFLOW_ALLOW_FILE_STORE"] == "false"


def test_a_name_that_mlflow_does_not_take_is_changed(
    tmp_path: Path, make_learner: Callable[[], Learner], runs_in: Any
) -> None:
    from learnkit.callback import Callback

    class Adds(Callback):
        def after_epoch(self, state: Any) -> None:
            state.metrics["a<b>"] = 0.5

    log = MLflowLog(path=tmp_path / "ml")
    make_learner().fit(1, callbacks=[Adds(), log], progress=False)
    (run,) = runs_in(tmp_path / "ml")
    assert run.data.metrics["epoch/a_b_"] == 0.5
