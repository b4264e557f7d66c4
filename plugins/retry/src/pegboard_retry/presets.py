"""Retries as other task libraries count and wait, for tasks that come from there.

Each takes what the library calls it, and gives a `Retry` with the same number of runs and the same waits.
"""

from __future__ import annotations

from pegboard_retry._backoff import Backoff
from pegboard_retry._option import Retry

_NO_CAP = 1e9  # seconds


def agnt5(retry_count: int = 3) -> Retry:
    """AGNT5's `retry_count`: waits 1, 2, 4, 8 seconds and so on."""
    return Retry(retry_count, wait=Backoff(initial=1, factor=2, max=_NO_CAP, jitter=0))


def agentic_ai(max_retries: int = 3, backoff_factor: float = 2) -> Retry:
    """AgenticAI's `RetryableTask(max_retries, backoff_factor)`: waits 1, f, f squared and so on."""
    return Retry(max_retries, wait=Backoff(initial=1, factor=backoff_factor, max=_NO_CAP, jitter=0))


def flux(retry_max_attempts: int = 3, retry_delay: float = 1, retry_backoff: float = 2) -> Retry:
    """Flux's `retry_max_attempts, retry_delay, retry_backoff`: waits d, d*b, d*b*b, at most 600 seconds."""
    return Retry(
        retry_max_attempts, wait=Backoff(initial=retry_delay, factor=retry_backoff, max=600, jitter=0)
    )


def auto_workflow(retries: int = 3, retry_backoff: float = 1, retry_jitter: float = 0) -> Retry:
    """auto_workflow's `retries, retry_backoff, retry_jitter`: waits b, 2b, 4b, and up to j seconds more each time."""
    return Retry(retries, wait=Backoff(initial=retry_backoff, factor=2, max=_NO_CAP, jitter=retry_jitter))


def daglite(retries: int = 3) -> Retry:
    """Daglite's `retries`: no wait."""
    return Retry(retries)
