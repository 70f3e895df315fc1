"""The potential as a calculator of ASE."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from . import _inputs
from ._potential import opened


class Calculator(AseCalculator):
    """Energies, forces and stress by the potential, for ASE.

    Energies in eV, forces in eV/Å, stress in eV/Å³ in ASE's order and sign (positive under tension). Atoms are periodic
    along every vector, whatever their ``pbc`` says, with a warning.

    Parameters
    ----------
    potential : path, optional
        Weights of a Nequix potential; by default nequix-oam-1-pft, which is compiled in.
    device : {'cpu', 'wgpu', 'cuda'}
        Where it runs, as far as this build has it.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, potential: str | os.PathLike[str] | None = None, *, device: str = "cpu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._native = opened(potential, device)

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """What ASE asks for; all properties come from one evaluation."""
        super().calculate(atoms, properties, system_changes)
        (row,) = json.loads(self._native.evaluate([_inputs.one(self.atoms)]))
        if "failure" in row:
            raise _inputs.failure(*row["failure"])
        self.results = {
            "energy": row["energy"],
            "free_energy": row["energy"],
            "forces": numpy.array(row["forces"]),
            "stress": full_3x3_to_voigt_6_stress(numpy.array(row["stress"])),
        }
