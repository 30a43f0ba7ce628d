"""Linear algebra that keeps to one thread."""

import threading

from threadpoolctl import threadpool_info, threadpool_limits

from hil.one_thread import one_thread


def test_one_call_at_a_time_has_the_one_thread():
    """Two that overlap would put back what the other one had set."""
    second_is_in = threading.Event()

    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    @one_thread
    def first():
        other.start()
        assert not second_is_in.wait(0.1)
        return threads()

    other = threading.Thread(target=one_thread(second_is_in.set))
    with threadpool_limits(2, user_api="blas"):
        assert first() == {1}
        other.join()
        assert second_is_in.is_set()
        assert threads() == {2}
