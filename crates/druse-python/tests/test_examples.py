"""The examples do what they say."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from types import ModuleType

import pytest
from pymatgen.io.optimade import OptimadeStructureAdapter

import druse

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_ase_relaxes_what_was_grown() -> None:
    atoms = example("ase_relaxation").relaxed("NaCl", 225)
    assert abs(atoms.get_forces()).max() <= 0.02
    assert druse.symmetry(atoms).number == 225
    # The potential's own relaxation comes to the same cell.
    assert atoms.get_volume() / len(atoms) == pytest.approx(druse.relax(atoms)[0].volume_per_atom, rel=5e-3)


def test_optimade_gives_the_structures_back() -> None:
    grown = druse.load().sample("SrTiO3", n=2, seed=0, sampler="few-step")
    response = example("optimade_json").response(grown)
    assert response["meta"]["data_returned"] == 2
    assert [row["id"] for row in response["data"]] == [one.id for one in grown]
    matcher = druse.StructureMatcher()
    for row, structure in zip(response["data"], grown.structures, strict=True):
        assert row["type"] == "structures" and row["attributes"]["chemical_formula_reduced"] == "O3SrTi"
        back = OptimadeStructureAdapter.get_structure({**row, "attributes": dict(row["attributes"])})
        assert matcher.fit(structure, back)


def test_jobflow_ranks_candidates() -> None:
    pytest.importorskip("jobflow", reason="jobflow is not installed")
    module = example("jobflow_job")
    work = module.flow("NaCl", 2)
    answers = module.run_locally(work, ensure_success=True)
    rows = answers[work.jobs[-1].uuid][1].output
    heights = [row["energy_above_hull"] for row in rows]
    assert len(rows) == 2 and heights == sorted(heights)
    # Rock salt is what the hull holds.
    assert abs(heights[0]) < 0.02
