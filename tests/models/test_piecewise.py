"""Numbers in pieces: equation 1 of arXiv 2203.05556, with closed ends."""

import torch

from learnkit.models.piecewise import Piecewise, edges_of


def test_a_value_fills_the_pieces_below_it():
    pieces = Piecewise([2, 1])
    pieces.set_edges([torch.tensor([0.0, 1.0, 3.0]), torch.tensor([10.0, 20.0])])
    x = torch.tensor([[-1.0, 0.0], [0.5, 15.0], [2.0, 25.0], [3.0, 20.0]])
    expected = torch.tensor([[0, 0, 0], [0.5, 0, 0.5], [1, 0.5, 1], [1, 1, 1]])
    torch.testing.assert_close(pieces(x), expected)


def test_edges_are_quantiles_of_all_and_of_the_different_values():
    values = torch.tensor([0.0] * 97 + [1.0, 2.0, 10.0])
    # of all values: 0, 0, 10; of 0, 1, 2, 10: 0, 1.5, 10
    assert edges_of(values, 2).tolist() == [0.0, 1.5, 10.0]


def test_edges_differ_and_ascend():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    edges = edges_of(values, 16)
    assert (edges.diff() > 0).all()
    assert len(edges) <= 33
    assert (edges[0], edges[-1]) == (values.min(), values.max())


def test_quantiles_are_those_of_torch():
    values = torch.arange(11.0).square()
    expected = torch.quantile(values, torch.linspace(0, 1, 4))
    torch.testing.assert_close(edges_of(values, 3), expected)


def test_one_value_makes_one_piece():
    assert edges_of(torch.full((5,), 3.0), 8).tolist() == [3.0, 4.0]


def test_a_value_on_an_edge_is_whole():
    pieces = Piecewise([2])
    pieces.set_edges([torch.tensor([0.0, 0.1, 0.3])])
    assert pieces(torch.tensor([[0.1]])).tolist() == [[1.0, 0.0]]
