"""Relaxes a grown structure with ASE's optimiser and Druse's potential.

Usage: ase_relaxation.py FORMULA SPACE_GROUP
"""

from __future__ import annotations

import sys

from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

import druse


def relaxed(formula: str, space_group: int, fmax: float = 0.02) -> Atoms:
    """The structure of a formula and a group, positions and cell relaxed until no force exceeds `fmax` (eV/Å)."""
    grown = druse.load().sample(formula, space_group=space_group, n=1, seed=0, sampler="few-step")
    atoms = grown.atoms[0]
    atoms.calc = druse.Calculator()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=fmax, steps=200)  # pyright: ignore[reportArgumentType]
    return atoms


if __name__ == "__main__":
    result = relaxed(sys.argv[1], int(sys.argv[2]))
    energy = result.get_potential_energy() / len(result)
    print(f"{result.get_chemical_formula()}: {energy:.4f} eV/atom, {result.get_volume():.2f} Å³")
