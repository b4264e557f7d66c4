"""What the tests of durable runs share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `crashing`, which runs programs that are killed
