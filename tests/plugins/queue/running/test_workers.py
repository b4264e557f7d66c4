"""What runs items, where it fails itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pegboard_queue.running.workers import _log_failure


def test_a_worker_that_fails_is_told_of(caplog):
    """Errors of items are theirs; one that ends a worker is the queue's own, and is logged with its stack."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(divmod, 1, 0).add_done_callback(_log_failure)
        pool.submit(divmod, 1, 1).add_done_callback(_log_failure)
    (record,) = caplog.records
    assert record.getMessage() == "a worker of a queue ended with ZeroDivisionError"
    assert record.exc_info[0] is ZeroDivisionError
