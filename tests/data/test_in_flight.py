import multiprocessing
import sys
import threading

import pytest

from learnkit.data.in_flight import SMALL, Room, room_for


class Gauge:
    """Counts who is inside, and how many pixels they have."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.turns = 0

    def work(self, room: Room, pixels: int, turns: int) -> None:
        for _ in range(turns):
            with room.taken(pixels):
                with self.lock:
                    self.now += pixels
                    self.most = max(self.most, self.now)
                    self.turns += 1
                with self.lock:
                    self.now -= pixels


@pytest.mark.parametrize(("pixels", "most"), [(10, 100), (60, 60), (100, 100), (500, 500)])
def test_no_more_is_in_the_making_than_there_is_room_for(pixels: int, most: int) -> None:
    room, gauge = Room(100), Gauge()
    threads = [threading.Thread(target=gauge.work, args=(room, pixels, 50)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gauge.turns == 600
    assert gauge.most <= most


def test_room_is_given_back_after_an_error() -> None:
    room = Room(10)
    for _ in range(3):
        with pytest.raises(KeyError), room.taken(10):
            raise KeyError


def test_a_small_image_never_waits() -> None:
    done = threading.Event()

    def small() -> None:
        with room_for(SMALL):
            done.set()

    with room_for(1 << 40):
        thread = threading.Thread(target=small)
        thread.start()
        assert done.wait(10)
        thread.join()


def take_room() -> None:
    with room_for(1 << 40):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_does_not_wait_for_its_parent() -> None:
    with room_for(1 << 40):
        child = multiprocessing.get_context("fork").Process(target=take_room)
        child.start()
        child.join(20)
        alive = child.is_alive()
        child.kill()
        child.join()
    assert not alive
