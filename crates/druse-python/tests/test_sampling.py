"""Crystals that are grown."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy
import pytest
import spglib
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure

import druse
from druse import errors


def grow(model: druse.Model, *args: object, **kwargs: object) -> druse.Samples:
    """A few steps are enough for a test."""
    return model.sample(*args, sampler="few-step", evaluations=8, **kwargs)  # type: ignore[arg-type]


def test_rock_salt_has_its_group(model: druse.Model) -> None:
    told: list[tuple[float, float]] = []
    assert grow(model, "NaCl", space_group=225)[0].wyckoff == "Na@4a Cl@4b"
    sites = {"Na": ["4a"], "Cl": ["4b"]}
    asked = {"space_group": 225, "sites": sites, "n": 2, "seed": 1}
    grown = grow(model, "NaCl", **asked, progress=lambda *numbers: told.append(numbers))
    assert len(grown) == 2
    for sample, structure, atoms in zip(grown, grown.structures, grown.atoms):
        assert (sample.formula, sample.space_group) == ("NaCl", 225)
        assert structure.composition.reduced_formula == "NaCl"
        numbers = list(structure.atomic_numbers)
        cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers)
        group = spglib.get_spacegroup(cell, symprec=1e-3)
        assert group is not None and group.endswith("(225)")
        assert len(atoms) == len(structure) and atoms.pbc.all()
    frame = grown.to_frame()
    assert list(frame["space_group"]) == [225, 225]
    assert told and told[-1][0] <= told[-1][1]


def test_a_seed_gives_what_the_command_gives(model: druse.Model, tmp_path: pathlib.Path) -> None:
    grown = grow(model, "SrTiO3", space_group=221, n=2, candidates=2, seed=3)
    command = [sys.executable, "-m", "druse", "sample", "--formula", "SrTiO3", "--space-group", "221", "--count", "2"]
    options = ["--candidates", "2", "--seed", "3", "--sampler", "few-step", "--evaluations", "8", "--json"]
    done = subprocess.run([*command, *options, "--out", tmp_path], check=True, capture_output=True, text=True)
    rows = json.loads(done.stdout)["structures"]
    assert [pathlib.Path(row["file"]).read_text() for row in rows] == [sample.cif for sample in grown]
    assert [row["denoising_error"] for row in rows] == [sample.denoising_error for sample in grown]


def test_results_are_msonable(model: druse.Model) -> None:
    grown = grow(model, "NaCl", space_group=225)
    again = json.loads(json.dumps(grown, cls=MontyEncoder), cls=MontyDecoder)
    assert isinstance(again, druse.Samples)
    assert again.records == grown.records


def test_positions_of_some_elements(model: druse.Model) -> None:
    grown = grow(model, "SrTiO3", space_group=221, sites={"Sr": ["1b"]}, n=2)
    assert len(grown) == 2
    assert all("Sr@1b" in (sample.wyckoff or "") for sample in grown)
    with pytest.raises(errors.RequestError, match="has these positions"):
        grow(model, "SrTiO3", space_group=221, sites={"Sr": ["48n"]})


def test_other_ways_to_ask(model: druse.Model, rock_salt: Structure) -> None:
    by_dict = grow(model, sites={"Na": ["4a"], "Cl": "4b"}, space_group=225)
    by_text = grow(model, sites="Na@4a Cl@4b", space_group=225)
    assert by_dict.records == by_text.records
    like = grow(model, template=rock_salt, noise=2)
    assert (like[0].formula, like[0].space_group) == ("NaCl", 225)
    assert grow(model, "NaCl", space_group=numpy.int64(225), n=numpy.int32(1), seed=numpy.uint8(0))
    general = grow(model, sites={"Fe": 1}, space_group=229)
    assert general[0].space_group == 229 and general[0].formula == "Fe"
    system = grow(model, elements=["Cu", "Au"], sites_per_element=1, top_space_groups=2)
    assert {species for sample in system for species in sample.species} == {"Cu", "Au"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"formula": "NaCl", "n": 0}, "n is 0"),
        ({"formula": "NaCl", "n": -1}, "n is -1"),
        ({"formula": "NaCl", "n": 1.5}, "n is 1.5; give a whole number"),
        ({"formula": "NaCl", "n": None}, "n is None; give a whole number"),
        ({"formula": "NaCl", "n": 10**30}, "n is 1000.*; give a number from"),
        ({"formula": "NaCl", "seed": -1}, "seed is -1; give a number from 0"),
        ({"formula": 7}, "formula is 7; give a text"),
        ({"formula": "NaCl", "atoms": 2.5}, "not a range"),
        ({"formula": "NaCl", "candidates": 0}, "candidates is 0"),
        ({"formula": "NaCl", "space_group": 231}, "1 to 230"),
        ({"formula": "NaCl3-"}, "not a formula"),
        ({}, "say what to grow"),
        ({"formula": "NaCl", "elements": ["Na"]}, "one way"),
        ({"sites": {"Na": ["4a"]}}, "space_group"),
        ({"sites": {"Na": ["4z"]}, "space_group": 225}, "4z|z"),
        ({"sites": {"Na": 1, "Cl": ["4a"]}, "space_group": 225}, "some sites are numbers"),
        ({"formula": "NaCl", "noise": 3}, "template"),
        ({"formula": "NaCl", "atoms": (5, 2)}, "not a range"),
        ({"elements": ["Na", "Xx"]}, "not a chemical element"),
        ({"formula": "NaCl", "sampler": "fast"}, "annealed or few-step"),
        ({"formula": "NaCl", "evaluations": 3}, "few-step"),
    ],
)
def test_what_cannot_be_grown(model: druse.Model, asked: dict[str, object], said: str) -> None:
    with pytest.raises(errors.RequestError, match=said):
        model.sample(**asked)  # type: ignore[arg-type]


def test_the_model_says_what_it_is(model: druse.Model, tmp_path: pathlib.Path) -> None:
    assert len(model.sha256) == 64 and model.sha256 in model.card
    with pytest.raises(errors.FileError, match="missing.safetensors"):
        druse.load(tmp_path / "missing.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no network")
    with pytest.raises(errors.ModelError, match="broken.safetensors"):
        druse.load(broken)
    with pytest.raises(errors.DeviceError, match="cpu, wgpu or cuda"):
        druse.load(device="abacus")
