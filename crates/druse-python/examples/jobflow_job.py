"""Grows, relaxes and ranks structures as jobs of jobflow, here run on this machine; `flow` goes to any of its managers.

Usage: jobflow_job.py FORMULA N
"""

from __future__ import annotations

import sys
from typing import Any

from jobflow import Flow, job
from jobflow.managers.local import run_locally

import druse


@job
def grow(formula: str, n: int) -> list[Any]:
    """Structures of a formula, as pymatgen's."""
    return druse.load().sample(formula, n=n, seed=0, sampler="few-step").structures


@job
def rank(structures: list[Any]) -> list[dict[str, Any]]:
    """Relaxed, with their energies above the hull (eV/atom), the lowest first."""
    relaxed = druse.relax(structures)
    places = zip(relaxed.structures, druse.hull(relaxed), strict=True)
    rows = [{"structure": structure, "energy_above_hull": place.energy_above_hull} for structure, place in places]
    return sorted(rows, key=lambda row: row["energy_above_hull"])


def flow(formula: str, n: int) -> Flow:
    """Both jobs, the second on the first one's structures."""
    grown = grow(formula, n)
    ranked = rank(grown.output)
    return Flow([grown, ranked], output=ranked.output, name=f"candidates of {formula}")


if __name__ == "__main__":
    work = flow(sys.argv[1], int(sys.argv[2]))
    answers = run_locally(work, ensure_success=True)
    for row in answers[work.jobs[-1].uuid][1].output:
        print(f"{row['structure'].get_space_group_info()[0]}: {1000 * row['energy_above_hull']:.1f} meV/atom")
