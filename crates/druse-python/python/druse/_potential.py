"""The potential: relaxation, phonons, energies above the hull."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from . import _druse, _inputs, _progress, _settings
from ._records import Crystal, Crystals, Record
from .errors import RequestError

#: What the settings of `relax` and `phonons` are.
_KINDS = {
    "free": _settings.flag,
    "rattle": _settings.flag,
    "seed": _settings.whole,
    "fmax": _settings.real,
    "smax": _settings.real,
    "pressure": _settings.real,
    "cell": _settings.text,
    "steps": _settings.whole,
    "optimiser": _settings.text,
    "symprec": _settings.real,
    "displacement": _settings.real,
}


@functools.lru_cache(maxsize=4)
def _opened(path: str | None, device: str) -> _druse.Potential:
    """A potential, opened once."""
    return _druse.Potential(path, device)


def opened(potential: str | os.PathLike[str] | None, device: str) -> _druse.Potential:
    """The potential of these weights, by default the bundled one."""
    return _opened(None if potential is None else os.fspath(potential), device)


_One = TypeVar("_One", bound=Record)


@dataclass
class _Where:
    """What every function below takes beside its structures and settings."""

    potential: str | os.PathLike[str] | None
    device: str
    progress: _progress.Progress

    def each(
        self,
        structures: Any,
        work: str,
        record: type[_One],
        native: Callable[[_druse.Potential, Any, Any], str],
    ) -> tuple[_inputs.Inputs, list[_One | None]]:
        """The inputs, and what the native half makes of each: a record, or ``None``, with a warning."""
        inputs = _inputs.structures(structures)
        text = native(opened(self.potential, self.device), inputs.plain, _progress.of(self.progress, work))
        return inputs, _inputs.results(json.loads(text), lambda row: record(**row))


@dataclass
class Relaxed(Crystal):
    """A relaxed crystal, or one that ran out of steps.

    Attributes
    ----------
    formula : str
        Reduced formula.
    energy_start_per_atom, energy_per_atom : float
        At the start (after the rattle) and at the end, eV/atom.
    volume_start_per_atom, volume_per_atom : float
        Å³/atom.
    steps : int
        Evaluations after that of the start.
    converged : bool
        Whether forces and stress are below their limits.
    max_force : float
        Largest force, eV/Å.
    max_stress_gpa : float
        Largest component of the stress that is to vanish, GPa.
    space_group_start, space_group : int or None
        At 0.01 Å, ``None`` where none is found.
    max_displacement, rms_displacement : float
        How far atoms moved, Å.
    strain : float
        Largest logarithmic principal strain of the cell.
    cif : str
        A CIF, with the operations of the space group where it was kept.
    """

    formula: str
    energy_start_per_atom: float
    energy_per_atom: float
    volume_start_per_atom: float
    volume_per_atom: float
    steps: int
    converged: bool
    max_force: float
    max_stress_gpa: float
    space_group_start: int | None
    space_group: int | None
    max_displacement: float
    rms_displacement: float
    strain: float
    cif: str = field(repr=False)


class Relaxations(Crystals[Relaxed]):
    """Relaxed crystals in the order given; those that failed are missing, with a warning, and `indices` tells which."""

    _of = Relaxed

    def __init__(self, records: Sequence[Relaxed], indices: Sequence[int] | None = None) -> None:
        super().__init__(records)
        self.indices = list(range(len(self.records)) if indices is None else indices)


@dataclass
class Phonons(Record):
    """Phonons of a crystal by finite displacements.

    Attributes
    ----------
    supercell : list of int
        Multiples of the primitive cell.
    n_displacements : int
        Displaced supercells.
    qpoints : list of list of float
        Wave vectors in reduced coordinates of the cell as given.
    frequencies_thz : list of list of float
        Frequencies at each, THz, imaginary ones negative.
    min_frequency_thz : float
        The lowest on the mesh without the acoustic modes at Γ, THz.
    dynamically_stable : bool
        Whether it is above `threshold_thz` (−0.1 THz).
    threshold_thz : float
        THz.
    mesh : list of int
        Divisions of the mesh.
    residual_force : float
        Largest force in the undisplaced crystal, eV/Å.
    warnings : list of str
        What makes the result less trustworthy.
    """

    supercell: list[int]
    n_displacements: int
    qpoints: list[list[float]]
    frequencies_thz: list[list[float]]
    min_frequency_thz: float
    dynamically_stable: bool
    threshold_thz: float
    mesh: list[int]
    residual_force: float
    warnings: list[str]


@dataclass
class Placement(Record):
    """Where a structure, or a phase of the reference set, lies against the convex hull.

    Attributes
    ----------
    id : str
        Of a phase of the reference set; empty for a structure.
    formula : str
        Reduced formula.
    space_group : int or None
        Of a phase of the reference set.
    formation_energy_per_atom, energy_above_hull : float
        eV/atom, with the Materials Project's corrections of 2020.
    decomposition : list of dict
        Phases of the hull (``id``, ``formula``) that it decomposes into, and their ``fraction`` of the atoms.
    """

    id: str
    formula: str
    formation_energy_per_atom: float
    energy_above_hull: float
    decomposition: list[dict[str, Any]]
    space_group: int | None = None


def relax(
    structures: Any,
    *,
    free: bool = False,
    rattle: bool = True,
    seed: int = 0,
    fmax: float = 0.02,
    smax: float = 0.1,
    pressure: float = 0.0,
    cell: Literal["free", "constant-volume", "fixed"] = "free",
    steps: int = 500,
    optimiser: Literal["lbfgs", "fire"] = "lbfgs",
    symprec: float = 0.01,
    potential: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: _progress.Progress = False,
) -> Relaxations:
    """Relax structures by a machine-learned potential: positions and cell to the nearest minimum of the energy.

    Parameters
    ----------
    structures : structure or iterable of structures
        pymatgen Structures, ASE Atoms, dicts, paths, or crystals that `Model.sample` grew.
    free : bool
        Without symmetry. Otherwise the space group is kept exactly.
    rattle : bool
        With `free`: a kick of 0.05 Å and 1 % strain first, so that symmetry cannot hide an instability.
    seed : int
        Seed of the rattle.
    fmax : float
        Largest force of a converged structure, eV/Å.
    smax : float
        Largest component of the stress of a converged structure, GPa.
    pressure : float
        Target pressure, GPa.
    cell : {'free', 'constant-volume', 'fixed'}
        What the cell may do.
    steps : int
        Most steps of a structure.
    optimiser : {'lbfgs', 'fire'}
        The optimiser.
    symprec : float
        Tolerance at which the space group is found, Å.
    potential : path, optional
        Weights of a Nequix potential; by default nequix-oam-1-pft, which is compiled in.
    device : {'cpu', 'wgpu', 'cuda'}
        Where it runs, as far as this build has it.
    progress : bool or callable
        Show a bar, or call a function with what is done and how much there is.

    Returns
    -------
    Relaxations
        With ``.structures``, ``.atoms`` and ``.to_frame()``.

    Raises
    ------
    CalculationError
        If no structure can be relaxed.
    """
    asked = {
        "free": free,
        "rattle": rattle,
        "seed": seed,
        "fmax": fmax,
        "smax": smax,
        "pressure": pressure,
        "cell": cell,
        "steps": steps,
        "optimiser": optimiser,
        "symprec": symprec,
    }
    where = _Where(potential, device, progress)
    settings = _settings.dumped(asked, _KINDS)
    _, found = where.each(
        structures, "relaxing", Relaxed, lambda native, plain, told: _druse.relax(native, plain, settings, told)
    )
    there = [(index, one) for index, one in enumerate(found) if one is not None]
    return Relaxations([one for _, one in there], [index for index, _ in there])


def phonons(
    structures: Any,
    *,
    supercell: Sequence[int] | None = None,
    qpoints: Sequence[Sequence[float]] = ((0.0, 0.0, 0.0),),
    displacement: float = 0.01,
    symprec: float = 0.01,
    potential: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: _progress.Progress = False,
) -> Any:
    """Compute phonons by finite displacements: frequencies, and whether a structure is dynamically stable.

    Parameters
    ----------
    structures : structure or iterable of structures
        They must lie at their minima: `relax` first.
    supercell : sequence of int, optional
        Multiples of the primitive cell; by default at least 8 Å in every direction.
    qpoints : sequence of sequence of float
        Wave vectors in reduced coordinates of the cell as given.
    displacement : float
        Å.
    symprec : float
        Tolerance at which the space group is found, Å.
    potential : path, optional
        Weights of a Nequix potential; by default the one that is compiled in.
    device : {'cpu', 'wgpu', 'cuda'}
        Where it runs, as far as this build has it.
    progress : bool or callable
        Show a bar, or call a function with what is done and how much there is.

    Returns
    -------
    Phonons or list of Phonons
        One for one structure. In a list ``None`` stands, with a warning, for one that failed.
    """
    asked = {
        "supercell": None if supercell is None else [_settings.whole("supercell", number) for number in supercell],
        "qpoints": [[_settings.real("a component of qpoints", number) for number in qpoint] for qpoint in qpoints],
        "displacement": displacement,
        "symprec": symprec,
    }
    where = _Where(potential, device, progress)
    settings = _settings.dumped(asked, _KINDS)
    inputs, found = where.each(
        structures, "phonons", Phonons, lambda native, plain, told: _druse.phonons(native, plain, settings, told)
    )
    for one in found:
        for warning in one.warnings if one is not None else ():
            _inputs.warn(warning)
    return found[0] if inputs.is_one else found


def hull(
    structures: Any = None,
    *,
    system: str | None = None,
    reference: str | os.PathLike[str] | None = None,
    potential: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: _progress.Progress = False,
) -> Any:
    """Place structures on the convex hull: formation energy, energy above the hull, decomposition.

    Parameters
    ----------
    structures : structure or iterable of structures, optional
        They should be relaxed: the phases of the set are.
    system : str, optional
        In place of structures, a chemical system such as ``"Cu-Si-K"``, whose phases of the reference set are given.
    reference : path, optional
        Phases to compare with, made with the same potential; by default those that are compiled in.
    potential : path, optional
        Weights of a Nequix potential; by default the one that is compiled in.
    device : {'cpu', 'wgpu', 'cuda'}
        Where it runs, as far as this build has it.
    progress : bool or callable
        Show a bar, or call a function with what is done and how much there is.

    Returns
    -------
    Placement or list of Placement
        One for one structure. In a list ``None`` stands, with a warning, for one that failed.

    Raises
    ------
    CalculationError
        If an element has no phase in the set, or the set was made with another potential.
    """
    if (structures is None) == (system is None):
        raise RequestError("give structures to place, or the system whose phases are wanted")
    phases = _druse.Reference(reference)
    if system is not None:
        return [Placement(**row) for row in json.loads(phases.phases(system))]
    inputs, found = _Where(potential, device, progress).each(structures, "energies", Placement, phases.place)
    return found[0] if inputs.is_one else found


