"""Measures the CPU time and memory that calls take."""

from pegboard_resources._errors import PsutilMissing
from pegboard_resources._option import Measured
from pegboard_resources._plugin import Resources
from pegboard_resources._sampler import Sample
from pegboard_resources._usage import Usage

__all__ = ["Measured", "PsutilMissing", "Resources", "Sample", "Usage"]
