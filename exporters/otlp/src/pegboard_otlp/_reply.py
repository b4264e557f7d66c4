"""What becomes of a request, whatever the protocol, as far as the back end tells."""

from __future__ import annotations

from typing import Literal, Protocol

import attrs

State = Literal["arrived", "lost", "again"]


@attrs.frozen
class Reply:
    """What became of one try to send a request.

    Attributes:
        state: `again` where another try may do better.
        kind: What went wrong, in a word that is the same as long as it does: `503`, `ConnectionRefusedError`.
        why: The same for people. It may hold credentials.
        wait: Seconds that the back end asks to wait before the next try; None where it asks for nothing.
        rejected: Items that it did not take, though it took the request.
        remark: What it says about those, or about a request that it took as a whole.
        is_too_large: Whether a smaller request may do better.
    """

    state: State
    kind: str = ""
    why: str = ""
    wait: float | None = None
    rejected: int = 0
    remark: str = ""
    is_too_large: bool = False


ARRIVED = Reply("arrived")


def rejection(reply: Reply) -> str:
    """Tell why a back end did not take some of the items, for people."""
    return f"rejected by the back end: {reply.remark or 'it does not say why'}"


class Carrier(Protocol):
    """Takes requests to one back end; used by one thread."""

    def send(self, body: bytes, seconds: float) -> Reply:
        """Send a serialised request, once, and read the answer, within so many seconds."""

    def close(self) -> None:
        """Close the connections, from any thread."""
