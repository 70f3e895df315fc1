"""What the tests share: crystals, the model, golden values."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
from typing import Any

import numpy
import pytest
from pymatgen.core import Lattice, Structure

import druse

SHARED = pathlib.Path(os.environ.get("DRUSE_SHARED") or pathlib.Path(__file__).parents[4] / "shared")


@pytest.fixture
def rock_salt() -> Structure:
    """The conventional cell of rock salt."""
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def crystals() -> list[Structure]:
    """Crystals of different systems, coordination and numbers of elements."""
    perovskite = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    )
    rutile = Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )
    wurtzite = Structure.from_spacegroup(
        "P6_3mc", Lattice.hexagonal(3.25, 5.207), ["Zn", "O"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]]
    )
    iron = Structure(Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return [perovskite, rutile, wurtzite, iron]


@pytest.fixture(scope="session")
def model() -> druse.Model:
    """The networks of the package."""
    return druse.load()


def golden(name: str) -> list[dict[str, Any]]:
    """A list of golden values, which the machine may lack."""
    path = SHARED / "golden" / name
    if not path.exists():
        if os.environ.get("DRUSE_REQUIRE_SHARED"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{path} is missing; DRUSE_SHARED names the folder of shared data")
    return json.loads(gzip.decompress(path.read_bytes()))


def plain(stored: dict[str, Any]) -> dict[str, Any]:
    """A golden structure as the package takes it."""
    return {"lattice": stored["lattice"], "species": stored["species"], "frac_coords": stored["frac"]}


def shaken(structure: Structure, seed: int) -> Structure:
    """The same crystal in another cell, origin and order of atoms, with atoms moved a little."""
    random = numpy.random.default_rng(seed)
    moved = structure.copy()
    moved.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    moved.translate_sites(range(len(moved)), random.uniform(size=3))
    moved.perturb(0.03)
    order = random.permutation(len(moved))
    return Structure.from_sites([moved[int(index)] for index in order])
