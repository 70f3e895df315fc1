"""Symmetry, fingerprints, sameness and sets, beside the packages that people know them from."""

from __future__ import annotations

import json

import numpy
import pytest
from conftest import golden, plain, shaken
from matminer.featurizers.site import CrystalNNFingerprint
from matminer.featurizers.structure import SiteStatsFingerprint
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import druse
from druse import errors


def test_symmetry_as_pymatgen(crystals: list[Structure]) -> None:
    for structure, found in zip(crystals, druse.symmetry(crystals)):
        theirs = SpacegroupAnalyzer(structure, symprec=0.01).get_symmetry_dataset()
        assert theirs is not None
        assert (found.number, found.wyckoff_letters) == (theirs.number, list(theirs.wyckoffs))
        assert found.orbits == theirs.equivalent_atoms.tolist()


def test_fingerprints_as_matminer(crystals: list[Structure]) -> None:
    theirs = SiteStatsFingerprint(CrystalNNFingerprint.from_preset("ops"), stats=("mean",))
    ours = druse.fingerprint(crystals)
    assert ours.shape == (4, 61)
    assert [f"mean {name}" for name in druse.feature_labels()] == theirs.feature_labels()
    for structure, vector in zip(crystals, ours):
        numpy.testing.assert_allclose(vector, theirs.featurize(structure), atol=1e-7)


def test_golden_fingerprints() -> None:
    stored = [one for one in golden("structures.json.gz") if one.get("crystalnn_mean")]
    assert len(stored) > 50
    ours = druse.fingerprint([plain(one) for one in stored])
    magpie = druse.fingerprint([plain(one) for one in stored], kind="magpie")
    for vector, features, one in zip(ours, magpie, stored):
        tolerance = max(1e-7, one.get("crystalnn_oracle_resetting_maxdiff") or 0.0)
        numpy.testing.assert_allclose(vector, one["crystalnn_mean"], atol=tolerance, err_msg=one["id"])
        theirs = numpy.array(one["magpie"], dtype=float)
        numpy.testing.assert_allclose(features, theirs, rtol=1e-9, equal_nan=True, err_msg=one["id"])


def test_matcher_as_pymatgen(crystals: list[Structure]) -> None:
    ours, theirs = druse.StructureMatcher(), StructureMatcher()
    compared = 0
    for a in crystals:
        assert ours.fit(a, a)
        for b in [shaken(a, 1), *crystals]:
            assert ours.fit(a, b) == theirs.fit(a, b)
            found, expected = ours.get_rms_dist(a, b), theirs.get_rms_dist(a, b)
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                compared += 1
                assert found == pytest.approx(expected, abs=1e-6)
    assert compared == 8


def test_golden_pairs() -> None:
    pairs = [pair for pair in golden("pairs.json.gz") if pair["verdict_stable"]]
    assert len(pairs) > 200
    a, b = ([plain(pair[side]) for pair in pairs] for side in "ab")
    for name, matcher in [
        ("default", druse.StructureMatcher()),
        ("cdvae", druse.StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)),
    ]:
        assert matcher.fit_pairs(a, b) == [pair[name]["fit"] for pair in pairs]
        for distances, pair in zip(matcher.rms_pairs(a, b), pairs):
            expected = pair[name]["rms"]
            assert (distances is None) == (expected is None), pair["a_id"]
            if distances is not None and (pair["rms_spread"] or 0.0) < 1e-6:
                assert distances[0] == pytest.approx(expected, abs=1e-6), pair["a_id"]


def test_groups_as_pymatgen(crystals: list[Structure]) -> None:
    structures = [*crystals, *(shaken(one, seed) for seed in (2, 3) for one in crystals[:3]), crystals[3].copy()]
    ours = druse.StructureMatcher().group_structures(structures)
    theirs = StructureMatcher().group_structures(structures)

    def indices(groups: list[list[Structure]]) -> list[list[int]]:
        places = {id(structure): index for index, structure in enumerate(structures)}
        return sorted(sorted(places[id(member)] for member in group) for group in groups)

    assert indices(ours) == [[0, 4, 7], [1, 5, 8], [2, 6, 9], [3, 10]]
    # pymatgen sorts what it is given, and gives back the same objects.
    assert indices(theirs) == indices(ours)


def test_matcher_is_data(crystals: list[Structure]) -> None:
    matcher = druse.StructureMatcher(ltol=0.3)
    assert druse.StructureMatcher.from_dict(json.loads(json.dumps(matcher.as_dict()))) == matcher
    with pytest.raises(errors.RequestError, match="stol"):
        druse.StructureMatcher(stol=0).fit(crystals[0], crystals[0])
    with pytest.raises(errors.RequestError, match="paired"):
        matcher.fit_pairs(crystals, crystals[:2])


def test_evaluation(crystals: list[Structure]) -> None:
    reference = [structure for one in crystals for structure in (one, shaken(one, 4))]
    same = druse.evaluate(reference, reference)
    assert same.cov_precision == same.cov_recall == 1.0
    assert same.fd_crystalnn == pytest.approx(0.0, abs=1e-6)
    assert same.n_generated == same.n_valid == 8
    assert druse.Evaluation.from_dict(same.as_dict()) == same
    other = druse.evaluate(reference[:4], reference[4:])
    assert other.fd_crystalnn > 1e-3
    # Atoms in one place make a structure that is invalid, not an error.
    broken = {"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "species": ["Na", "Cl"], "frac_coords": [[0, 0, 0]] * 2}
    with_broken = druse.evaluate([*reference, broken], reference)
    assert (with_broken.n_generated, with_broken.n_valid) == (9, 8)
    assert with_broken.cov_precision == pytest.approx(8 / 9)
    with pytest.raises(errors.RequestError, match="reference"):
        druse.evaluate(reference, crystals[:1])


def test_a_structure_without_fingerprint(crystals: list[Structure]) -> None:
    beyond = Structure(Lattice.cubic(5), ["Og"], [[0, 0, 0]])
    with pytest.raises(errors.CalculationError, match="Og"):
        druse.fingerprint(beyond)
    with pytest.warns(errors.DruseWarning, match="1 of 2"):
        vectors = druse.fingerprint([beyond, crystals[0]])
    assert numpy.isnan(vectors[0]).all() and numpy.isfinite(vectors[1]).all()
    with pytest.raises(errors.RequestError, match="crystalnn or magpie"):
        druse.fingerprint(crystals, kind="soap")  # type: ignore[arg-type]
