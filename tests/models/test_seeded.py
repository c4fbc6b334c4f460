import torch

from learnkit.models.seeded import seeded


def draw(seed: int, part: str) -> list[float]:
    with seeded(seed, part):
        return torch.rand(3).tolist()


def test_the_numbers_depend_on_seed_and_part_alone():
    torch.manual_seed(1)
    first = draw(5, "head")
    torch.manual_seed(2)
    assert draw(5, "head") == first
    assert draw(6, "head") != first
    assert draw(5, "body") != first


def test_the_callers_generator_comes_back():
    before = torch.random.get_rng_state()
    draw(5, "head")
    assert torch.equal(torch.random.get_rng_state(), before)
