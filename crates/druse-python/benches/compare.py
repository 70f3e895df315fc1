"""Times of this package beside pymatgen's and matminer's on the same structures, in one run on one machine.

    python compare.py STRUCTURES.jsonl [--fingerprints 40] [--pairs 200] [--grouped 1000]

Prints seconds and ratios, of time and of processor time; the latter does not count the cores, nor what else the machine
does. Results are compared as well: a ratio of times means nothing where they differ.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy
from matminer.featurizers.site import CrystalNNFingerprint
from matminer.featurizers.structure import SiteStatsFingerprint
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

import druse


def shaken(structure: Structure, seed: int) -> Structure:
    """The same crystal with another origin and order of atoms, and atoms moved by 0.02 Å."""
    random = numpy.random.default_rng(seed)
    moved = structure.copy()
    moved.translate_sites(range(len(moved)), random.uniform(size=3))
    moved.perturb(0.02)
    return Structure.from_sites([moved[int(index)] for index in random.permutation(len(moved))])


def timed(work):
    """Result, and seconds of time and of all processors."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - start, time.process_time() - used)


def tell(what: str, count: int, ours: tuple[float, float], theirs: tuple[float, float], agree: str) -> None:
    ratios = [their / our for their, our in zip(theirs, ours)]
    print(f"{what:34} {count:6} {theirs[0]:10.2f} s {ours[0]:10.3f} s {ratios[0]:8.0f} × {ratios[1]:10.0f} ×   {agree}",
          flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures")
    parser.add_argument("--fingerprints", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--grouped", type=int, default=1000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = druse._inputs.structures(arguments.structures).plain
    structures = [Structure(*plain) for plain in records[: max(arguments.fingerprints, arguments.pairs, 100)]]
    print(f"{len(structures)} structures, {os.cpu_count()} cores, druse {druse.__version__}")
    print(f"{'':34} {'number':>6} {'theirs':>12} {'druse':>12} {'time':>10} {'processor':>12}")

    some = structures[: arguments.fingerprints]
    featurizer = SiteStatsFingerprint(CrystalNNFingerprint.from_preset("ops"), stats=("mean",))
    expected, theirs = timed(lambda: numpy.array([featurizer.featurize(structure) for structure in some]))
    found, ours = timed(lambda: druse.fingerprint(some))
    difference = f"largest difference {abs(found - expected).max():.1e}"
    tell("CrystalNN fingerprints (matminer)", len(some), ours, theirs, difference)

    pairs = [(structure, shaken(structure, seed)) for seed, structure in enumerate(structures[: arguments.pairs])]
    matcher = StructureMatcher()
    expected, theirs = timed(lambda: [matcher.get_rms_dist(a, b) for a, b in pairs])
    own = druse.StructureMatcher()
    found, ours = timed(lambda: own.rms_pairs([a for a, _ in pairs], [b for _, b in pairs]))
    same = sum((x is None) == (y is None) for x, y in zip(found, expected))
    tell("StructureMatcher, pairs at once", len(pairs), ours, theirs, f"{same} verdicts agree")
    found, ours = timed(lambda: [own.get_rms_dist(a, b) for a, b in pairs])
    tell("StructureMatcher, one by one", len(pairs), ours, theirs, "")

    many = [shaken(structures[index % 100], index) for index in range(arguments.grouped)]
    expected, theirs = timed(lambda: matcher.group_structures(many))
    found, ours = timed(lambda: own.group_structures(many))
    tell("grouping, 100 kinds", len(many), ours, theirs, f"{len(found)} and {len(expected)} groups")


if __name__ == "__main__":
    main()
