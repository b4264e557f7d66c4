"""Who sends telemetry: the service, as the SDK's resource; needs the SDK."""

from __future__ import annotations

import os
import sys
from typing import Any
from uuid import uuid4

from opentelemetry.sdk import resources
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.version import __version__

from pegboard.parts import after_fork


class _Instance:
    """Which service instance this process is, where the SDK does not say: then a back end could not tell processes apart.

    Attributes:
        id: The value of `service.instance.id`.
    """

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        self.id = str(uuid4())


_instance = _Instance()


def service_resource() -> Resource:
    """Return the resource that the environment describes, also when the main thread has ended.

    The SDK asks its detectors in a pool of threads, and Python makes none from then on.
    """
    try:
        found = Resource.create()
    except RuntimeError:
        found = _asked_here()
    return with_instance(found)


def with_instance(resource: Resource) -> Resource:
    """Return a resource that tells which `service.instance.id` it is of, as those of an older SDK do not by themselves."""
    return Resource({resources.SERVICE_INSTANCE_ID: _instance.id}).merge(resource)


def resource_of_child(resource: Resource) -> Resource:
    """Return a resource as a forked child has it: all signals of a process have one `service.instance.id`, and no other process.

    That goes before one that the environment names, which is the parent's. An SDK that has ids for processes renews them
    itself.
    """
    detector = getattr(resources, "ServiceInstanceIdResourceDetector", None)
    own = Resource({resources.SERVICE_INSTANCE_ID: _instance.id}) if detector is None else detector().detect()
    return resource.merge(own)


def _asked_here() -> Resource:
    """Do what `Resource.create` does, in this thread."""
    found = Resource(
        {
            resources.TELEMETRY_SDK_LANGUAGE: "python",
            resources.TELEMETRY_SDK_NAME: "opentelemetry",
            resources.TELEMETRY_SDK_VERSION: __version__,
            resources.SERVICE_NAME: f"unknown_service:{os.path.basename(sys.executable)}",  # noqa: PTH119
        }
    )
    for detector in _detectors():
        found = found.merge(detector.detect())
    return found


def _detectors() -> list[Any]:
    """List those that the SDK asks; how it finds them is private upstream."""
    build = getattr(resources, "_build_resource_detectors", None)
    return [OTELResourceDetector()] if build is None else build()
