"""Shows how far maps and streams have come."""

from pegboard_progress._plugin import Progress
from pegboard_progress._progress import progress

__all__ = ["Progress", "progress"]
