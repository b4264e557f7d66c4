"""Which format and encoding a client gets, of those that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_OPENMETRICS_VERSIONS = ("", "0.0.1", "1.0.0")


@attrs.frozen
class _Accepted:
    """An entry of Accept or Accept-Encoding.

    Attributes:
        name: In lower case, as the names of parameters.
        quality: From 0, which refuses, to 1; 0 for nonsense.
    """

    name: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        try:
            given = float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0
        return given if math.isfinite(given) and 0 <= given <= 1 else 0.0


def content_type(accept: str) -> str:
    """Choose the format: OpenMetrics for a client that names it and does not like plain text better.

    Only OpenMetrics carries exemplars; whoever names neither, a browser say, gets plain text, unless it refuses that and takes
    OpenMetrics as one of many. A client that takes neither gets plain text all the same.
    """
    ours = [
        each
        for each in _entries(accept)
        if each.name != "application/openmetrics-text"
        or each.parameters.get("version", "") in _OPENMETRICS_VERSIONS
    ]
    openmetrics = _quality(ours, "application/openmetrics-text", "application/*", "*/*")
    text = _quality(ours, "text/plain", "text/*", "*/*")
    is_named = any(each.name == "application/openmetrics-text" for each in ours)
    is_liked = openmetrics >= text if is_named else text == 0
    return OPENMETRICS if openmetrics > 0 and is_liked else TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client understands gzip, and does not like plain bytes better."""
    accepted = list(_entries(accept_encoding))
    plain = max((each.quality for each in accepted if each.name == "identity"), default=0.0)
    gzip = _quality(accepted, "gzip", "x-gzip", "*")
    return gzip > 0 and gzip >= plain


def _entries(header: str) -> Iterable[_Accepted]:
    for entry in header.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name:
            pairs = (parameter.partition("=") for parameter in parameters)
            yield _Accepted(
                name.lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
            )


def _quality(accepted: list[_Accepted], *names: str) -> float:
    """How much the first of these names that is there is liked: what is said of one itself goes before what is said of many."""
    for name in names:
        found = [each.quality for each in accepted if each.name == name]
        if found:
            return max(found)
    return 0.0
