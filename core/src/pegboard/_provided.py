"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions."""

from __future__ import annotations

# Public name -> folder of plugins/ or exporters/, which is also the extra and the entry-point name.
PROVIDED: dict[str, str] = {
    "Backoff": "retry",
    "Cache": "cache",
    "Caching": "cache",
    "Console": "console",
    "Deadline": "timeout",
    "Fallback": "recover",
    "Handle": "recover",
    "Metered": "metrics",
    "Metrics": "metrics",
    "NeedsSecrets": "secrets",
    "Prometheus": "prometheus",
    "Recovery": "recover",
    "Retry": "retry",
    "RetryBudget": "retry",
    "Retrying": "retry",
    "Secrets": "secrets",
    "Timeout": "timeout",
    "Timeouts": "timeout",
    "Traced": "tracing",
    "Tracing": "tracing",
    "Undo": "recover",
    "secret": "secrets",
}
EXTRAS: frozenset[str] = frozenset((*PROVIDED.values(), "cli"))
