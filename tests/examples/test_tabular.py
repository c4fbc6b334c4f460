"""The example of tables, at toy size and on the real ones."""

import pytest

from learnkit.tabular import TabularDataBunch, tabular_learner

pytestmark = pytest.mark.usefixtures("no_checks")


@pytest.fixture
def tables(example):
    pytest.importorskip("sklearn")
    return example("tabular")


def test_a_network_keeps_up_with_boosting_on_made_up_customers(tables, capsys):
    found = tables.main()
    assert found["network"] > max(found.values()) - 0.03
    assert found["network"] > 0.8
    assert "HistGradientBoostingClassifier" in capsys.readouterr().out


def test_the_census_is_read_as_it_is(tables, tmp_path):
    line = "39, ?, 77516, Bachelors, 13, Single, Sales, Own, White, Male, 2174, 0, 40, Cuba, <=50K."
    (tmp_path / "t.csv").write_text(f"{line}\n\n|1x3 Cross validator\n")
    found = tables.read_adult(tmp_path / "t.csv")
    assert (found["workclass"], found["income"]) == ((None,), ("<=50K",))


@pytest.mark.shared
def test_the_census_is_a_table(tables, shared_dir):
    """All of it takes `main` half a minute; here are its first rows."""
    rows = tables.read_adult(shared_dir / "data" / "adult" / "adult-test.csv")
    few = {name: values[:2000] for name, values in rows.items()}
    data = TabularDataBunch.from_df(few, "income", num_cols=tables.NUMBERS)
    assert data.classes == ("<=50K", ">50K")
    assert len(rows["income"]) == 16_281
    learn = tabular_learner(data, metrics="accuracy", device="cpu")
    learn.fit_one_cycle(2, 5e-3, progress=False)
    assert learn.history[-1]["accuracy"] > 0.8
