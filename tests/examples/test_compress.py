import numpy as np
import pytest
import torch
from PIL import Image


@pytest.mark.usefixtures("no_checks")
def test_smaller_models_are_nearly_as_right_and_the_smallest_is_exported(
    example, tmp_path, monkeypatch
):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    table, learn, loaded = example("compress").main(out="heat.png")
    size = {name: row[0] for name, row in table.items()}
    right = {name: row[2] for name, row in table.items()}
    assert size["int8"] < size["as trained"] / 3
    assert size["pruned by 80%"] < size["as trained"] / 3
    assert size["binary"] < size["as trained"] / 8
    assert right["as trained"] > 0.95
    assert min(right.values()) > 0.9
    assert right["int8"] > right["as trained"] - 0.02
    photo = learn.data.one_batch(train=False).x[0]
    assert torch.equal(learn.predict(photo).probabilities, loaded.predict(photo).probabilities)
    assert len(np.unique(np.asarray(Image.open("heat.png")).reshape(-1, 4), axis=0)) > 100
