import pytest

from ecg.errors import GpuMemoryError
from ecg.speech.memory_ladder import MemoryLadder, Rung, is_out_of_memory, rungs

START = Rung(8, "float16", "cuda")


class Gpu:
    """Work that needs a batch to be at most ``room``, in the number formats and places that fit."""

    def __init__(self, fits):
        self.fits, self.tried, self.released = fits, [], 0

    def __call__(self, rung):
        self.tried.append(rung)
        if not self.fits(rung):
            raise RuntimeError("CUDA failed with error out of memory")
        return rung

    def ladder(self):
        def release():
            self.released += 1

        return MemoryLadder(rungs(START), release)


def test_the_batch_is_halved_then_8_bits_are_tried_then_the_cpu():
    assert rungs(START) == (
        START, Rung(4, "float16", "cuda"), Rung(2, "float16", "cuda"), Rung(1, "float16", "cuda"),
        Rung(1, "int8_float16", "cuda"), Rung(4, "int8", "cpu"),
    )  # fmt: skip


def test_a_cpu_ends_with_one_chunk_in_8_bits():
    assert rungs(Rung(2, "float32", "cpu"))[-1] == Rung(1, "int8", "cpu")
    assert rungs(Rung(1, "int8", "cpu")) == (Rung(1, "int8", "cpu"),)


def test_work_that_fits_is_done_once_and_nothing_is_told():
    gpu = Gpu(lambda rung: True)
    ladder = gpu.ladder()
    assert ladder.run(gpu) == START
    assert (gpu.tried, ladder.told, gpu.released) == ([START], [], 0)


def test_work_steps_down_until_it_fits_letting_go_of_memory_before_each_step():
    gpu = Gpu(lambda rung: rung.batch_size <= 2)
    ladder = gpu.ladder()
    assert ladder.run(gpu).batch_size == 2
    assert gpu.released == 2
    assert [step["batch_size"] for step in ladder.told] == [4, 2]


def test_the_next_work_starts_where_the_last_one_fitted():
    gpu = Gpu(lambda rung: rung.batch_size <= 2)
    ladder = gpu.ladder()
    ladder.run(gpu)
    gpu.tried.clear()
    ladder.run(gpu)
    assert [rung.batch_size for rung in gpu.tried] == [2]


def test_when_nothing_fits_the_error_says_what_to_do_and_the_ladder_works_on():
    gpu = Gpu(lambda rung: False)
    ladder = gpu.ladder()
    with pytest.raises(GpuMemoryError, match="free the GPU") as raised:
        ladder.run(gpu)
    assert raised.value.retryable
    assert raised.value.details["tried"][-1] == {"batch_size": 4, "compute_type": "int8", "device": "cpu"}
    gpu.fits = lambda rung: True
    assert ladder.run(gpu).device == "cpu"


def test_other_errors_of_the_work_are_no_reason_to_step_down():
    ladder = Gpu(None).ladder()
    with pytest.raises(RuntimeError, match="expected scalar type"):
        ladder.run(lambda rung: (_ for _ in ()).throw(RuntimeError("expected scalar type Half")))
    assert ladder.rung == START


@pytest.mark.parametrize("error", [
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA failed with error out of memory"), MemoryError(),
])  # fmt: skip
def test_every_librarys_way_to_say_it_is_understood(error):
    assert is_out_of_memory(error)


def test_a_value_error_about_memory_is_not_one():
    assert not is_out_of_memory(ValueError("out of memory"))
