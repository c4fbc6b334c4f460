"""Drawn shapes are found, pixel by pixel, and the export finds the same."""

import pytest
import torch


def test_shapes_are_found_and_the_export_finds_the_same(example, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    pytest.importorskip("torchmetrics", reason="needs the extra metrics")
    last, ours, theirs = example("segmentation").main(out=tmp_path / "shapes.png")
    assert last["iou"] > 0.8  # everything background: 0.29
    assert last["accuracy"] > 0.95
    assert torch.equal(ours.value, theirs.value)
    assert ours.value.shape == (48, 48)
    assert str(ours) in capsys.readouterr().out
    assert (tmp_path / "shapes.png").stat().st_size > 10_000
