"""Rules as a resource of Kubernetes, which the Prometheus operator gives to its Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pegboard_dashboards.rules.rule import Group, lines, scalar

_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_PART}(\.{_PART})*", re.ASCII)
_NAMESPACE = re.compile(_PART, re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_NAME_MOST, _LABEL_MOST = 253, 63


def _name(_instance: object, _attribute: object, given: Any) -> None:
    if not _fits(given, _SUBDOMAIN, _NAME_MOST):
        raise ValueError(
            f"name: {given!r} is no name of a resource: up to {_NAME_MOST} lower-case letters, digits, '-' and '.' are."
        )


def _namespace(_instance: object, _attribute: object, given: Any) -> None:
    if given is not None and not _fits(given, _NAMESPACE, _LABEL_MOST):
        raise ValueError(
            f"namespace: {given!r} is none: up to {_LABEL_MOST} lower-case letters, digits and '-' are."
        )


def _labels(_instance: object, _attribute: object, given: Mapping[Any, Any]) -> None:
    for key, value in given.items():
        if not _is_key(key):
            raise ValueError(
                f"labels: {key!r} is no key of a label, as 'release' and 'example.com/team' are."
            )
        if value != "" and not _fits(value, _WORD, _LABEL_MOST):
            raise ValueError(
                f"labels: {key} has the value {value!r}: up to {_LABEL_MOST} letters, digits, '-', '_' and '.' are one."
            )


def _is_key(given: object) -> bool:
    if not isinstance(given, str):
        return False
    prefix, slash, word = given.rpartition("/")
    return _fits(word, _WORD, _LABEL_MOST) and (not slash or _fits(prefix, _SUBDOMAIN, _NAME_MOST))


def _fits(given: object, form: re.Pattern[str], most: int) -> bool:
    return isinstance(given, str) and len(given) <= most and form.fullmatch(given) is not None


@attrs.frozen(kw_only=True)
class PrometheusRule:
    """What the resource is called, and where: `apiVersion: monitoring.coreos.com/v1`, `kind: PrometheusRule`.

    Attributes:
        name: Of the resource.
        namespace: Where it goes; None leaves that to whoever applies it.
        labels: By which a Prometheus chooses its rules: `{"release": "kube-prometheus-stack"}`, say, where that chart's release
            has this name.

    Raises:
        ValueError: Kubernetes would refuse one of these.
    """

    name: str = attrs.field(default="pegboard", validator=_name)
    namespace: str | None = attrs.field(default=None, validator=_namespace)
    labels: Mapping[str, str] = attrs.field(factory=dict, validator=_labels)

    def to_yaml(self, groups: Sequence[Group]) -> str:
        """Write the resource of these groups.

        Raises:
            ValueError: Two groups have one name.
        """
        names = [group["name"] for group in groups]
        if len(set(names)) < len(names):
            raise ValueError("two groups of rules have one name: write them as resources of their own.")
        metadata: dict[str, Any] = {"name": self.name}
        if self.namespace is not None:
            metadata["namespace"] = self.namespace
        if self.labels:
            metadata["labels"] = {scalar(key): value for key, value in self.labels.items()}
        manifest = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": metadata,
            "spec": {"groups": groups},
        }
        return "\n".join([*lines(manifest), ""])
