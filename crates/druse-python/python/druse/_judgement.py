"""Symmetry, fingerprints, and sets of structures beside each other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from . import _druse, _inputs, _progress
from ._records import Record

if TYPE_CHECKING:
    import numpy


@dataclass
class Symmetry(Record):
    """The symmetry of a structure.

    Attributes
    ----------
    number : int
        Number of the space group.
    international : str
        Short Hermann–Mauguin symbol.
    hall_number : int
        Hall number of the setting in which letters are given.
    wyckoff_letters, site_symmetries : list of str
        Of every site.
    orbits : list of int
        For every site the index of the first of its orbit.
    symprec : float
        The tolerance that was used, Å: less than asked for where that is too much for the cell.
    """

    number: int
    international: str
    hall_number: int
    wyckoff_letters: list[str]
    site_symmetries: list[str]
    orbits: list[int]
    symprec: float


@dataclass
class Evaluation(Record):
    """A generated set beside a reference set, with the definitions of the literature.

    Attributes
    ----------
    n_generated, n_reference, n_valid : int
        Structures of both sets, and generated ones that are valid and have a fingerprint.
    cov_precision, cov_recall : float
        COV-P and COV-R.
    amsd_precision, amsd_recall, amcd_precision, amcd_recall : float
        Mean smallest distances of structures and of compositions, in units of the fingerprints.
    fd_crystalnn, fd_cgcnn : float
        Fréchet distances on CrystalNN fingerprints and on features of CGCNN with the weights that are compiled in;
        the latter ``None`` where no structure has features.
    structure_validity, composition_validity : float
        Shares of the generated set.
    wasserstein_density : float
        g/cm³.
    wasserstein_n_elements : float
        Numbers of elements.
    seconds : dict
        How long each part took.
    """

    n_generated: int
    n_reference: int
    n_valid: int
    cov_precision: float
    cov_recall: float
    amsd_precision: float
    amsd_recall: float
    amcd_precision: float
    amcd_recall: float
    fd_crystalnn: float
    fd_cgcnn: float | None
    structure_validity: float
    composition_validity: float
    wasserstein_density: float
    wasserstein_n_elements: float
    seconds: dict[str, float] = field(default_factory=dict)


def symmetry(structures: Any, *, symprec: float = 0.01) -> Any:
    """Find space group, Wyckoff letters, site symmetries and orbits.

    Parameters
    ----------
    structures : structure or iterable of structures
        pymatgen Structures, ASE Atoms, dicts or paths.
    symprec : float
        Tolerance, Å.

    Returns
    -------
    Symmetry or list of Symmetry
        One for one structure. In a list ``None`` stands, with a warning, where nothing was found.

    Raises
    ------
    StructureError
        If what was given is not a crystal, or no space group is found for any.
    """
    inputs = _inputs.structures(structures)
    rows = json.loads(_druse.symmetry(inputs.plain, symprec))
    found = _inputs.results(rows, lambda row: Symmetry(**row))
    return found[0] if inputs.is_one else found


def fingerprint(
    structures: Any, *, kind: Literal["crystalnn", "magpie"] = "crystalnn", progress: _progress.Progress = False
) -> numpy.ndarray:
    """Compute fingerprints: the CrystalNN 'ops' fingerprint of the structure, or the Magpie features of its formula.

    Parameters
    ----------
    structures : structure or iterable of structures
        pymatgen Structures, ASE Atoms, dicts or paths.
    kind : {'crystalnn', 'magpie'}
        Mean over the sites of matminer's ``CrystalNNFingerprint.from_preset("ops")``, 61 numbers, or 132 numbers of
        the composition. `feature_labels` names them.
    progress : bool or callable
        Show a bar, or call a function with what is done and how much there is.

    Returns
    -------
    numpy.ndarray
        Of shape (61,) or (132,) for one structure, else with one row for each; a row of NaN, with a warning, for a
        structure that has none.
    """
    import numpy

    inputs = _inputs.structures(structures)
    rows = _druse.fingerprint(inputs.plain, kind, _progress.of(progress, "fingerprints"))
    named = [{"vector": vector, "failure": why} if why else {"vector": vector} for vector, why in rows]
    vectors = _inputs.results(named, lambda row: row["vector"])
    length = len(_druse.feature_labels(kind))
    found = numpy.array([vector if vector is not None else [numpy.nan] * length for vector in vectors])
    return found[0] if inputs.is_one else found


def feature_labels(kind: Literal["crystalnn", "magpie"] = "crystalnn") -> list[str]:
    """Names of the numbers of a fingerprint, in matminer's order.

    Parameters
    ----------
    kind : {'crystalnn', 'magpie'}
        Which fingerprint.
    """
    return _druse.feature_labels(kind)


def evaluate(
    generated: Any, reference: Any, *, device: str = "cpu", progress: _progress.Progress = False
) -> Evaluation:
    """Compare a set of generated structures with reference structures: coverage, Fréchet distance, validity.

    Parameters
    ----------
    generated, reference : iterable of structures or path
        A generated structure without a fingerprint counts as generated and as invalid. A distance between
        distributions needs two structures with fingerprints on each side, and means little for fewer than hundreds.
    device : {'cpu', 'wgpu', 'cuda'}
        Where CGCNN runs, as far as this build has it.
    progress : bool or callable
        Show a bar, or call a function with what is done and how much there is, for each set.

    Returns
    -------
    Evaluation

    Raises
    ------
    RequestError
        If a set has too few structures with a fingerprint.
    """
    sets = [_inputs.structures(structures).plain for structures in (generated, reference)]
    text = _druse.evaluate(sets[0], sets[1], device, _progress.of(progress, "fingerprints"))
    return Evaluation.from_dict(json.loads(text))
