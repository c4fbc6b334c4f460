import gc
import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from learnkit.data.memory import ReusedMemory

LARGE = (1 << 20,)
KEPT = 4


def address(thing: Any) -> int:
    if isinstance(thing, torch.Tensor):
        return thing.data_ptr()
    return int(thing.__array_interface__["data"][0])


def test_memory_that_nobody_holds_is_taken_up_again() -> None:
    memory = ReusedMemory()
    first = memory.array(LARGE, np.uint8)
    place = address(first)
    del first
    assert address(memory.array(LARGE, np.uint8)) == place
    assert address(memory.tensor((1 << 18,))) == place  # 1 MiB of float32


def test_a_smaller_array_takes_up_larger_memory_and_a_larger_one_does_not() -> None:
    memory = ReusedMemory()
    place = address(memory.array((3, 1 << 20), np.uint8))
    assert address(memory.array((2, 1 << 20), np.uint8)) == place
    assert memory.array((4, 1 << 20), np.uint8).nbytes == 4 << 20


def test_arrays_have_the_shape_and_dtype_asked_for_and_can_be_written() -> None:
    memory = ReusedMemory()
    for shape, dtype in (((64, 64, 64, 3), np.uint8), ((0, 3), np.int64), ((5, 1 << 18), "f4")):
        found = memory.array(shape, dtype)
        assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
        assert found.flags.c_contiguous
        assert found.flags.writeable
        assert found.flags.aligned
    tensor = memory.tensor((2, 3, 512, 512))
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == (
        (2, 3, 512, 512),
        torch.float32,
        True,
    )


def test_small_arrays_are_plain() -> None:
    memory = ReusedMemory()
    found = memory.array(((1 << 20) - 1,), np.uint8)
    assert found.base is None
    assert memory._blocks == []


HOLDERS = {
    "the array": lambda array: array,
    "a slice": lambda array: array[5:6],
    "a view of another dtype": lambda array: array.view(np.uint8)[::2],
    "a memoryview": lambda array: memoryview(array),
    "a tensor": torch.from_numpy,
    "a view of a tensor": lambda array: torch.from_numpy(array).view(64, -1).T[3:4],
    "a detached tensor": lambda array: torch.from_numpy(array).detach()[7],
    "a tensor's storage": lambda array: torch.from_numpy(array).untyped_storage(),
    "the array of a tensor": lambda array: torch.from_numpy(array)[1:].numpy(),
    "what a capsule became": lambda array: np.from_dlpack(torch.from_numpy(array)),
    "a parameter": lambda array: nn.Parameter(torch.from_numpy(array), requires_grad=False),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_memory_of_which_somebody_holds_any_part_is_left_alone(holder: str) -> None:
    memory = ReusedMemory()
    array = memory.array((1 << 18,), np.float32)
    place = address(array)
    held = HOLDERS[holder](array)  # type: ignore[no-untyped-call]
    del array
    gc.collect()
    other = memory.array((1 << 18,), np.float32)
    assert address(other) != place
    del held
    gc.collect()
    assert address(memory.array((1 << 18,), np.float32)) == place


def test_what_autograd_saved_is_left_alone_until_it_is_gone() -> None:
    memory = ReusedMemory()
    x = memory.tensor((1 << 18,)).fill_(3.0)
    place = address(x)
    weight = torch.ones(1 << 18, requires_grad=True)
    loss = (weight * x).sum()
    del x
    memory.tensor((1 << 18,)).fill_(7.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.full_like(weight, 3.0))
    del loss
    gc.collect()
    assert address(memory.tensor((1 << 18,))) == place


def test_at_most_four_blocks_are_kept_and_the_others_live_as_long_as_their_holder() -> None:
    memory = ReusedMemory()
    held = [memory.array(LARGE, np.uint8) for _ in range(10)]
    assert len({address(one) for one in held}) == 10
    assert len(memory._blocks) == KEPT
    places = {address(one) for one in held[-KEPT:]}
    del held
    assert {address(one) for one in [memory.array(LARGE, np.uint8) for _ in range(4)]} == places


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["take", "drop", "slice"]), st.integers(0, 9)), max_size=40
    )
)
def test_nothing_that_is_held_is_ever_written_over(steps: list[tuple[str, int]]) -> None:
    memory = ReusedMemory()
    held: list[tuple[torch.Tensor, int]] = []
    for number, (what, which) in enumerate(steps):
        if what == "take":
            tensor = memory.tensor((1 + which % 2, 1 << 18))
            tensor[:, ::4096] = number
            held.append((tensor, number))
        elif held and what == "drop":
            held.pop(which % len(held))
        elif held:
            tensor, value = held.pop(which % len(held))
            held.append((tensor[:1], value))
        assert all((one[:, ::4096] == value).all() for one, value in held)
        assert len(memory._blocks) <= KEPT


def test_many_threads_never_get_the_same_memory() -> None:
    memory, wrong = ReusedMemory(), []

    def work(number: int) -> None:
        for _ in range(100):
            mine = memory.array(LARGE, np.uint8)
            mine[::4096] = number
            if (mine[::4096] != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
