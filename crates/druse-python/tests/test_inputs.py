"""What counts as a structure, and what is said of what does not."""

from __future__ import annotations

import json
import pathlib

import pytest
from ase.build import bulk, molecule
from pymatgen.core import DummySpecies, Lattice, Structure

import druse
from druse import errors


# pymatgen counts formula units of the whole cell, which the reader notes.
@pytest.mark.filterwarnings("ignore::druse.DruseWarning")
def test_one_crystal_in_every_form(rock_salt: Structure, tmp_path: pathlib.Path) -> None:
    cif, poscar = tmp_path / "NaCl.cif", tmp_path / "POSCAR"
    rock_salt.to(filename=str(cif), fmt="cif")
    rock_salt.to(filename=str(poscar), fmt="poscar")
    plain = {
        "lattice": rock_salt.lattice.matrix.tolist(),
        "species": ["Na"] * 4 + ["Cl"] * 4,
        "frac_coords": rock_salt.frac_coords.tolist(),
    }
    charged = rock_salt.copy().add_oxidation_state_by_guess()
    for form in [rock_salt, bulk("NaCl", "rocksalt", a=5.64), rock_salt.as_dict(), plain, cif, str(poscar), charged]:
        found = druse.symmetry(form)
        assert isinstance(found, druse.Symmetry)
        assert (found.number, found.international) == (225, "F m -3 m")
    many = druse.symmetry([rock_salt, plain, cif])
    assert [found.number for found in many] == [225, 225, 225]
    # A folder is many, however many there are in it.
    assert [found.number for found in druse.symmetry(tmp_path)] == [225, 225]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "int is not a structure"),
        (b"NaCl", "bytes is not a structure"),
        ({"lattice": 1}, "dict is not a structure"),
        ([], "no structure to work on"),
        (["no such file.cif"], "no such file.cif"),
        (molecule("H2O"), "no cell"),
        ({"lattice": [[1, 0, 0], [0, 1, 0]], "species": ["Na"], "frac_coords": [[0, 0, 0]]}, "2 rows"),
        ({"lattice": [[0, 0, 0]] * 3, "species": ["Na"], "frac_coords": [[0, 0, 0]]}, "not a cell"),
        ({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": [], "frac_coords": []}, "no sites"),
        ({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na"], "frac_coords": []}, "1 elements"),
        ({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na"], "frac_coords": [[0, 0]]}, "three numbers"),
        ({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Xx"], "frac_coords": [[0, 0, 0]]}, "'Xx' is not"),
        (
            {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na", "Na"], "frac_coords": [[0, 0, 0]] * 2},
            "apart",
        ),
        (
            {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na"], "frac_coords": [[0, 0, float("nan")]]},
            "finite",
        ),
    ],
)
def test_what_is_no_structure(given: object, said: str) -> None:
    with pytest.raises(errors.DruseError, match=said) as caught:
        druse.symmetry(given)
    assert isinstance(caught.value, (errors.StructureError, errors.FileError))


def test_an_atom_without_an_element() -> None:
    nameless = Structure(Lattice.cubic(4), [DummySpecies("X")], [[0, 0, 0]])
    with pytest.raises(errors.StructureError, match="not a chemical element"):
        druse.symmetry(nameless)
    with pytest.raises(errors.StructureError, match="structure 1: "):
        druse.fingerprint([Structure(Lattice.cubic(4), ["Po"], [[0, 0, 0]]), nameless])


def test_disordered_sites() -> None:
    alloy = Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    for given in (alloy, alloy.as_dict()):
        with pytest.raises(errors.DisorderedStructureError, match="only fully occupied sites"):
            druse.fingerprint(given)


def test_a_slab_is_taken_with_a_warning() -> None:
    slab = bulk("Cu", cubic=True)
    slab.pbc = (True, True, False)
    with pytest.warns(errors.DruseWarning, match="periodic"):
        assert druse.symmetry(slab).number == 225


def test_errors_are_those_of_python_too() -> None:
    with pytest.raises(ValueError):
        druse.symmetry(7)
    with pytest.raises(OSError):
        druse.symmetry("missing.cif")


def test_records_go_through_json(rock_salt: Structure) -> None:
    found = druse.symmetry(rock_salt)
    text = json.dumps(found.as_dict())
    assert druse.Symmetry.from_dict(json.loads(text)) == found
