import threading

import numpy as np

from dis_jax.data import host_memory


def test_each_image_is_read_once_and_is_the_same_for_all_threads():
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 2, 1), np.uint8)
    asked = []

    def read(index):
        asked.extend(index.tolist())
        return images[index]

    remembered = host_memory.kept(read, 50, (3, 2, 1))
    orders = [np.random.default_rng(i).permutation(50) for i in range(4)]
    right = []

    def ask(order):
        parts = np.array_split(order, 10)
        right.extend((remembered(p) == images[p]).all() for p in parts)

    threads = [threading.Thread(target=ask, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 40
    asked.clear()
    np.testing.assert_array_equal(remembered(orders[0]), images[orders[0]])
    assert asked == []


def test_a_set_that_would_fill_the_memory_is_read_anew(monkeypatch):
    read = lambda index: np.zeros((len(index), 1, 1, 1), np.uint8)
    monkeypatch.setattr(host_memory, "host_memory", lambda: 19)
    assert host_memory.kept(read, 10, (1, 1, 1)) is read
    monkeypatch.setattr(host_memory, "host_memory", lambda: 20)
    assert host_memory.kept(read, 10, (1, 1, 1)) is not read


def test_the_limit_of_a_container_counts(tmp_path):
    machine = host_memory.host_memory(tmp_path)
    assert machine > 2**28
    for name, text, expected in (
        ("memory.max", "max", machine),
        ("memory.max", "1048576", 2**20),
        ("memory/memory.limit_in_bytes", "4096", 4096),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
        assert host_memory.host_memory(tmp_path) == expected
