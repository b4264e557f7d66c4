"""A service for a container: handles orders until it is asked to end, and then ends in order."""

from __future__ import annotations

import itertools
import os
import threading
import time

from pegboard import Session, install_sigterm, task

SECONDS = float(os.environ.get("ORDER_SECONDS", "0.5"))


@task
def handle(order: int) -> int:
    """Stands for what takes its time: a query, a request."""
    time.sleep(SECONDS)
    return order


def work(session: Session) -> None:
    """Take one order after another; once the process is asked to end, no more."""
    for order in itertools.count(1):
        if session.is_draining:
            return
        handle(order)


def main() -> None:
    """Work on two threads; SIGTERM leaves the block, which waits for the orders that are being handled."""
    install_sigterm(grace=20)
    with Session("metrics", "prometheus", name="orders").install() as session:
        threads = [threading.Thread(target=work, args=(session,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
