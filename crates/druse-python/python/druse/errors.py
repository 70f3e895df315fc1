"""What can go wrong. Messages are those of the ``druse`` command; every class is a `DruseError`."""

from __future__ import annotations

__all__ = [
    "CalculationError",
    "DeviceError",
    "DisorderedStructureError",
    "DruseError",
    "DruseWarning",
    "FileError",
    "ModelError",
    "RequestError",
    "SearchError",
    "StructureError",
]


class DruseError(Exception):
    """Any error of this package."""


class RequestError(DruseError, ValueError):
    """What is asked for cannot be: a number out of range, a formula that is none, options that do not go together."""


class StructureError(DruseError, ValueError):
    """What was given is not a crystal: no lattice, no atoms, an atom without an element, two atoms in one place."""


class DisorderedStructureError(StructureError):
    """A site is shared by elements or partly empty."""


class FileError(DruseError, OSError):
    """A file cannot be read or written, or its name has no known ending."""


class ModelError(DruseError, ValueError):
    """A file of weights is damaged, or of another network."""


class DeviceError(DruseError, RuntimeError):
    """A device is not in this build, not in this machine, or failed."""


class CalculationError(DruseError, RuntimeError):
    """A structure cannot be measured, evaluated, relaxed or placed on the hull."""


class SearchError(DruseError, RuntimeError):
    """A search ended without a result."""


class DruseWarning(UserWarning):
    """What was taken for granted or left out, and results that are missing among many."""
