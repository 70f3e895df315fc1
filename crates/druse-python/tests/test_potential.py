"""Energies, relaxation, hull, phonons."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from conftest import shaken
from pymatgen.core import Lattice, Structure

import druse
from druse import errors


@pytest.fixture(scope="module")
def salt() -> Structure:
    """The primitive cell of rock salt, 3 % too large."""
    return Structure(Lattice.from_parameters(4.11, 4.11, 4.11, 60, 60, 60), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_relaxation(salt: Structure) -> None:
    relaxed = druse.relax(salt)
    assert len(relaxed) == 1 and relaxed.indices == [0]
    one = relaxed[0]
    assert one.converged and one.space_group == 225 and one.formula == "NaCl"
    assert one.max_force <= 0.02 and one.max_stress_gpa <= 0.1
    assert one.energy_per_atom < one.energy_start_per_atom
    assert relaxed.structures[0].volume == pytest.approx(2 * one.volume_per_atom)
    assert druse.symmetry(relaxed.structures[0]).number == 225
    assert list(relaxed.to_frame()["converged"]) == [True]
    squeezed = druse.relax(salt, free=True, rattle=False, pressure=10.0)
    assert squeezed[0].volume_per_atom < 0.95 * one.volume_per_atom


def test_calculator_relaxes_to_the_same_cell(salt: Structure) -> None:
    one = druse.relax(salt, fmax=0.005, smax=0.02)[0]
    atoms = salt.to_ase_atoms()
    atoms.calc = druse.Calculator()
    cell: Any = FrechetCellFilter(atoms)
    BFGS(cell, logfile=None).run(fmax=0.005, steps=50)
    assert atoms.get_potential_energy() / 2 == pytest.approx(one.energy_per_atom, abs=1e-4)
    assert atoms.get_volume() / 2 == pytest.approx(one.volume_per_atom, rel=2e-3)


def test_forces_and_stress_are_slopes_of_the_energy(salt: Structure) -> None:
    atoms = shaken(salt, 0).to_ase_atoms()
    atoms.calc = druse.Calculator()
    forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
    step = 0.01

    def slope(moved: list[Any]) -> float:
        energies = []
        for other in moved:
            other.calc = druse.Calculator()
            energies.append(other.get_potential_energy())
        return (energies[1] - energies[0]) / (2 * step)

    pushed = [atoms.copy() for _ in range(2)]
    strained = [atoms.copy() for _ in range(2)]
    for sign, push, strain in zip((-1, 1), pushed, strained):
        push.positions[0, 0] += sign * step
        strain.set_cell(atoms.cell.array @ (numpy.eye(3) + sign * step * numpy.diag([1.0, 0, 0])), scale_atoms=True)
    assert slope(pushed) == pytest.approx(-forces[0, 0], abs=0.02)
    assert slope(strained) / atoms.get_volume() == pytest.approx(stress[0, 0], abs=1e-3)


def test_hull(salt: Structure) -> None:
    relaxed = druse.relax(salt)
    (placed,) = druse.hull(relaxed)
    assert placed.formula == "NaCl" and placed.formation_energy_per_atom < -1.5
    assert abs(placed.energy_above_hull) < 0.01
    assert sum(part["fraction"] for part in placed.decomposition) == pytest.approx(1.0)
    phases = druse.hull(system="Na-Cl")
    on_hull = {phase.formula for phase in phases if abs(phase.energy_above_hull) < 1e-9}
    assert {"Na", "Cl", "NaCl"} <= on_hull
    assert druse.Placement.from_dict(json.loads(json.dumps(placed.as_dict()))) == placed
    with pytest.raises(errors.RequestError, match="structures"):
        druse.hull()
    with pytest.raises(errors.RequestError, match="Na-Xx|Xx"):
        druse.hull(system="Na-Xx")


def test_phonons(salt: Structure) -> None:
    relaxed = druse.relax(salt).structures[0]
    with pytest.warns(errors.DruseWarning, match="less than"):
        found = druse.phonons(relaxed, supercell=[2, 2, 2], qpoints=[(0, 0, 0), (0.5, 0.5, 0.5)])
    assert found.supercell == [2, 2, 2] and found.dynamically_stable
    assert numpy.abs(found.frequencies_thz[0][:3]) == pytest.approx([0, 0, 0], abs=0.01)
    assert len(found.frequencies_thz[1]) == 6 and found.min_frequency_thz > 0
    with pytest.raises(errors.RequestError, match="supercell"):
        druse.phonons(relaxed, supercell=[0, 1, 1])


def test_what_the_potential_refuses(salt: Structure) -> None:
    strange = Structure(Lattice.cubic(5), ["Og"], [[0, 0, 0]])
    with pytest.raises(errors.CalculationError, match="Og"):
        druse.relax(strange)
    with pytest.warns(errors.DruseWarning, match="1 of 2"):
        relaxed = druse.relax([strange, salt], steps=1)
    assert relaxed.indices == [1]
    atoms = strange.to_ase_atoms()
    atoms.calc = druse.Calculator()
    with pytest.raises(errors.CalculationError, match="Og"):
        atoms.get_potential_energy()
    with pytest.raises(errors.RequestError, match="fmax"):
        druse.relax(salt, fmax=-1)
    with pytest.raises(errors.RequestError, match="steps"):
        druse.relax(salt, steps=0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5; give a whole number"),
        ({"fmax": "small"}, "fmax is 'small'; give a number"),
        ({"smax": float("nan")}, "smax is nan; give a finite number"),
        ({"free": "yes"}, "free is 'yes'; give True or False"),
        ({"cell": "open"}, "open"),
    ],
)
def test_what_cannot_be_relaxed(salt: Structure, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.RequestError, match=said):
        druse.relax(salt, **asked)
    of_numpy: dict[str, Any] = {"steps": numpy.int64(1), "fmax": numpy.float32(0.02)}
    assert druse.relax(salt, **of_numpy)
