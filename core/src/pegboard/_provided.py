"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions."""

from __future__ import annotations

# Public name -> folder of plugins/ or exporters/, which is also the extra and the entry-point name.
PROVIDED: dict[str, str] = {
    "Backoff": "retry",
    "Cache": "cache",
    "Caching": "cache",
    "Console": "console",
    "Metered": "metrics",
    "Metrics": "metrics",
    "Prometheus": "prometheus",
    "Retry": "retry",
    "Retrying": "retry",
    "Traced": "tracing",
    "Tracing": "tracing",
}
EXTRAS: frozenset[str] = frozenset((*PROVIDED.values(), "cli"))
