"""Druse: crystal structures of a formula, a space group or a chemical system, and how good they are.

>>> import druse
>>> grown = druse.load().sample("NaCl", space_group=225, sampler="few-step")
>>> relaxed = druse.relax(grown)
>>> placed = druse.hull(relaxed)

Structures may be pymatgen Structures, ASE Atoms, dicts or paths. Lengths are Å, energies eV, angles degrees, unless a
name says otherwise. Every function releases the interpreter's lock and can be interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import errors
from ._druse import __version__
from ._find import Candidate, Search, find
from ._judgement import Evaluation, Symmetry, evaluate, feature_labels, fingerprint, symmetry
from ._matcher import StructureMatcher
from ._model import Model, Sample, Samples, load
from ._potential import Phonons, Placement, Relaxations, Relaxed, hull, phonons, relax
from .errors import DruseError, DruseWarning

if TYPE_CHECKING:
    from ._calculator import Calculator

__all__ = [
    "Calculator",
    "Candidate",
    "DruseError",
    "DruseWarning",
    "Evaluation",
    "Model",
    "Phonons",
    "Placement",
    "Relaxations",
    "Relaxed",
    "Sample",
    "Samples",
    "Search",
    "StructureMatcher",
    "Symmetry",
    "__version__",
    "errors",
    "evaluate",
    "feature_labels",
    "find",
    "fingerprint",
    "hull",
    "load",
    "phonons",
    "relax",
    "symmetry",
]


def __getattr__(name: str) -> Any:
    # ASE is needed by the one who asks for its calculator.
    if name == "Calculator":
        from ._calculator import Calculator

        return Calculator
    raise AttributeError(f"module 'druse' has no attribute {name!r}")
