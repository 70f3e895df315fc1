"""Makes the golden values of this folder with pymatgen, matminer, smact, spglib and scipy.

    python generate.py --mp20 FOLDER   choose the structures from FOLDER/test.csv[.zst] and write every file
    python generate.py --check         compute the values of the committed structures again and compare

Python 3.11 with the versions in requirements.txt. README.md describes the files and the selection.
"""

import argparse
import csv
import gzip
import hashlib
import io
import itertools
import json
import math
import sys
import warnings
from collections import Counter
from functools import reduce
from pathlib import Path

import numpy as np
import pymatgen.analysis.local_env as local_env
import scipy.stats
import smact
import spglib
from matminer.featurizers.composition import ElementProperty
from matminer.featurizers.site import CrystalNNFingerprint
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Element, Lattice, Structure
from scipy.spatial.distance import cdist
from smact.screening import pauling_test

warnings.filterwarnings("ignore")

HERE = Path(__file__).resolve().parent
COMPSCALER = HERE / "../../assets/tables/compscaler.json"
SOURCE = "MP-20 test (Materials Project, CC BY 4.0)"
# Structures of each crystal system, in all 40.
SELECTION = {
    "cubic": 6, "hexagonal": 6, "trigonal": 6, "tetragonal": 6, "orthorhombic": 6, "monoclinic": 5, "triclinic": 5,
}
SYMPRECS = [0.01, 0.1]
SEED = 20
# Transformations with determinant 1, one for each setting in which a structure is described again.
UNIMODULAR = [
    [[1, 1, 0], [0, 1, 0], [0, -1, 1]], [[1, 0, 0], [1, 1, 0], [0, 1, 1]],
    [[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 0, -1], [0, 1, 1], [0, 0, 1]],
]


def rounded(value, digits):
    """The value to this many significant digits; None for NaN."""
    value = float(value)
    return None if math.isnan(value) else float(f"{value:.{digits}g}")


def numbers(values, digits):
    return [rounded(value, digits) for value in values]


# ---------------------------------------------------------------------------------------------------------- selection

def crystal_system(number):
    limits = [2, 15, 74, 142, 167, 194, 230]
    names = ["triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"]
    return names[next(index for index, limit in enumerate(limits) if number <= limit)]


def read_mp20(folder):
    """(id, space group at 0.1 Å, structure) of the test split. Numbers are taken as the file writes them."""
    plain, packed = folder / "test.csv", folder / "test.csv.zst"
    if plain.exists():
        text = plain.read_text()
    else:
        import zstandard
        text = zstandard.ZstdDecompressor().stream_reader(packed.open("rb")).read().decode()
    for row in csv.DictReader(io.StringIO(text)):
        if "cif" in row:
            structure = Structure.from_str(row["cif"], fmt="cif")
            number = int(row.get("spacegroup.number") or structure.get_space_group_info(0.1)[1])
        else:
            species = row["species"].split()
            lattice = np.array(row["lattice"].split(), float).reshape(3, 3)
            frac = np.array(row["frac_coords"].split(), float).reshape(-1, 3)
            structure = Structure(Lattice(lattice), species, frac)
            number = int(row["space_group_0.1"])
        yield row["material_id"], number, structure


def select(folder):
    """Of each crystal system the structures whose ids have the smallest SHA-256."""
    digest = lambda row: hashlib.sha256(row[0].encode()).hexdigest()
    left = dict(SELECTION)
    chosen = []
    for row in sorted(read_mp20(folder), key=digest):
        system = crystal_system(row[1])
        if left[system] > 0:
            left[system] -= 1
            chosen.append((f"mp20-test/{row[0]}", row[2]))
    return chosen


def crystal(structure):
    """The structure as the files write it."""
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [site.specie.symbol for site in structure],
        "frac": structure.frac_coords.tolist(),
    }


def from_crystal(entry):
    return Structure(Lattice(entry["lattice"]), entry["species"], entry["frac"])


# ---------------------------------------------------------------------------------------------------------- CrystalNN

FINGERPRINT = CrystalNNFingerprint.from_preset("ops")
UNROUNDED = []


def recording_round(value, digits=None):
    """CrystalNN rounds its weights to three digits and forgets what they were; the tests need to know."""
    if digits == 3:
        UNROUNDED.append(float(value))
    return round(value, digits)


# A global name of the module comes before the built-in function.
local_env.round = recording_round


def site_fingerprint(structure, index):
    UNROUNDED.clear()
    data = FINGERPRINT.cnn.get_nn_data(structure, index)
    unrounded = UNROUNDED[: len(data.all_nninfo)]
    features = np.array(FINGERPRINT.featurize(structure, index))
    rows = []
    for entry, weight in zip(data.all_nninfo, unrounded):
        distance = np.linalg.norm(structure[index].coords - entry["site"].coords)
        image = [int(x) for x in entry["image"]]
        rows.append([
            entry["site_index"], *image, rounded(distance, 12), rounded(entry["weight"], 9), rounded(weight, 9),
        ])
    best = max(data.cn_weights, key=data.cn_weights.get)
    weights = {str(number): rounded(weight, 12) for number, weight in sorted(data.cn_weights.items())}
    return features, best, weights, rows


def settings(structure, rng):
    """The same crystal in other cells, frames, origins and orders of the sites; with the old index of each site."""
    for matrix in UNIMODULAR:
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        if np.linalg.det(rotation) < 0:
            rotation[0] *= -1
        lattice = np.array(matrix) @ structure.lattice.matrix @ rotation
        frac = structure.frac_coords @ np.linalg.inv(matrix) + rng.uniform(size=3)
        order = rng.permutation(len(structure))
        yield Structure(Lattice(lattice), [structure[i].specie for i in order], frac[order]), order


def crystalnn(structure, rng):
    features = []
    sites = []
    for index in range(len(structure)):
        values, number, weights, rows = site_fingerprint(structure, index)
        features.append(values)
        sites.append({
            "fp": {str(feature): rounded(value, 12) for feature, value in enumerate(values) if value != 0},
            "cn": number, "cn_weights": weights, "nn": rows,
        })
    features = np.array(features)
    spread, scatter = np.array([features, features]), 0.0
    for other, order in settings(structure, rng):
        found = np.empty_like(features)
        for new, old in enumerate(order):
            found[old] = FINGERPRINT.featurize(other, new)
        scatter = max(scatter, np.abs(found.mean(0) - features.mean(0)).max())
        spread = np.array([np.minimum(spread[0], found), np.maximum(spread[1], found)])
    for site, low, high in zip(sites, *spread):
        ambiguous = {str(k): numbers([low[k], high[k]], 9) for k in range(len(low)) if high[k] - low[k] > 1e-7}
        if ambiguous:
            site["ambiguous"] = ambiguous
    return features.mean(0), sites, scatter


def share_ambiguities(sites, orbits):
    """What one site of an orbit leaves open is open for all of them: four descriptions do not show it for each."""
    for orbit in set(orbits):
        members = [site for site, other in zip(sites, orbits) if other == orbit]
        ranges = {}
        for feature, (low, high) in ((f, r) for site in members for f, r in site.get("ambiguous", {}).items()):
            low, high = [low, *ranges.get(feature, [])], [high, *ranges.get(feature, [])]
            ranges[feature] = [min(low), max(high)]
        if ranges:
            for site in members:
                site["ambiguous"] = ranges


def mean_fingerprint(structure):
    return np.mean([FINGERPRINT.featurize(structure, index) for index in range(len(structure))], axis=0)


def voronoi_facets(structure):
    """Per site the rows of distance, atomic number, solid angle, area."""
    finder = local_env.VoronoiNN(weight="solid_angle", cutoff=7)
    sites = []
    for index in range(len(structure)):
        facets = finder.get_voronoi_polyhedra(structure, index).values()
        rows = [
            [2 * facet["face_dist"], facet["site"].specie.Z, facet["solid_angle"], facet["area"]]
            for facet in facets if facet["solid_angle"] > 1e-6
        ]
        # Sorted as written: facets that are alike but for rounding have an order then.
        sites.append(sorted([rounded(d, 10), z, rounded(angle, 9), rounded(area, 9)] for d, z, angle, area in rows))
    return sites


# ------------------------------------------------------------------------------------------ compositions and validity

MAGPIE = ElementProperty.from_preset("magpie")


def magpie(composition):
    return np.array(MAGPIE.featurize(composition), float)


def scaled(features):
    scaler = json.loads(COMPSCALER.read_text())
    return np.nan_to_num((features - np.array(scaler["means"])) / np.array(scaler["stds"]))


def reduced_counts(composition):
    """Atomic numbers ascending, and counts without a common divisor."""
    amounts = sorted((element.Z, int(count)) for element, count in composition.items())
    divisor = reduce(math.gcd, [count for _, count in amounts])
    return [number for number, _ in amounts], [count // divisor for _, count in amounts]


def smact_valid(elements, counts):
    """Whether some oxidation states balance and respect the electronegativities (as CDVAE asks smact)."""
    symbols = tuple(Element.from_Z(number).symbol for number in elements)
    space = smact.element_dictionary(symbols)
    parts = [space[symbol] for symbol in symbols]
    if len(symbols) == 1 or all(symbol in smact.metals for symbol in symbols):
        return True
    electronegativities = [part.pauling_eneg for part in parts]
    for states in itertools.product(*[part.oxidation_states for part in parts]):
        if sum(state * count for state, count in zip(states, counts)) != 0:
            continue
        try:
            if pauling_test(states, electronegativities):
                return True
        except TypeError:
            # No electronegativity is known: CDVAE takes the electroneutral combination.
            return True
    return False


def structure_valid(structure):
    """CDVAE's test: no two sites nearer than 0.5 Å, and a volume of 0.1 Å³ at least."""
    distances = structure.distance_matrix + np.diag(np.full(len(structure), 10.5))
    return bool(distances.min() >= 0.5 and structure.volume >= 0.1)


def random_compositions(count, rng):
    """Made-up compositions; every fourth with features."""
    entries = []
    for index in range(count):
        elements = sorted(int(z) for z in rng.choice(np.arange(1, 95), size=rng.integers(1, 6), replace=False))
        amounts = [int(n) for n in rng.integers(1, 7, size=len(elements))]
        symbols = [Element.from_Z(z).symbol for z in elements]
        divisor = reduce(math.gcd, amounts)
        composition = Composition(dict(zip(symbols, amounts)))
        valid = smact_valid(elements, [n // divisor for n in amounts])
        features = numbers(magpie(composition), 12) if index % 4 == 0 else None
        entries.append({"elements": symbols, "counts": amounts, "smact_valid": valid, "magpie": features})
    return entries


# ----------------------------------------------------------------------------------------------------------- symmetry

def symmetry(structure):
    cell = (structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure])
    found = {}
    for symprec in SYMPRECS:
        data = spglib.get_symmetry_dataset(cell, symprec=symprec)
        found[str(symprec)] = {
            "number": int(data["number"]), "international": data["international"], "hall": data["hall"],
            "wyckoffs": list(data["wyckoffs"]), "site_symmetry": list(data["site_symmetry_symbols"]),
            "equivalent_atoms": [int(x) for x in data["equivalent_atoms"]], "n_ops": len(data["rotations"]),
        }
    return found


def describe(identifier, structure, rng):
    """All values of one structure."""
    elements, counts = reduced_counts(structure.composition)
    features = magpie(structure.composition)
    mean, sites, scatter = crystalnn(structure, rng)
    groups = symmetry(structure)
    share_ambiguities(sites, groups["0.01"]["equivalent_atoms"])
    return {
        "id": identifier, "source": SOURCE, **crystal(structure), "formula": structure.composition.reduced_formula,
        "symmetry": groups, "volume": rounded(structure.volume, 12),
        "density": rounded(structure.density, 12), "struct_valid": structure_valid(structure),
        "elements": elements, "counts": counts, "smact_valid": smact_valid(elements, counts),
        "magpie": numbers(features, 12), "magpie_scaled": numbers(scaled(features), 12),
        "crystalnn_mean": numbers(mean, 12), "crystalnn_sites": sites,
        "crystalnn_oracle_resetting_maxdiff": rounded(scatter, 3),
    }


# ------------------------------------------------------------------------------------------------------------ matcher

MATCHERS = {
    "cdvae": StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10),
    "default": StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5),
}


def verdict(matcher, a, b):
    found = matcher.get_rms_dist(a, b)
    rms, largest = (None, None) if found is None else numbers(found, 9)
    return {"rms": rms, "max": largest, "fit": bool(matcher.fit(a, b))}


def variants(structure, others, rng):
    """(kind, other structure) for one structure."""
    noise = lambda base, size: Structure(
        base.lattice, base.species, base.cart_coords + rng.normal(scale=size, size=(len(base), 3)), coords_are_cartesian=True
    )
    other_setting = next(settings(structure, rng))[0]
    yield "setting+noise0.1", noise(other_setting, 0.1)
    yield "noise0.3", noise(structure, 0.3)
    strain = np.eye(3) + rng.normal(scale=0.03, size=(3, 3))
    yield "strain3%", Structure(Lattice(structure.lattice.matrix @ strain), structure.species, structure.frac_coords)
    if len(structure) <= 10:
        doubled = structure.copy()
        doubled.make_supercell([1, 1, 2])
        yield "supercell", Structure(doubled.lattice, doubled.species, doubled.frac_coords)
    elements = sorted({site.specie.symbol for site in structure})
    if len(elements) > 1:
        turned = dict(zip(elements, elements[1:] + elements[:1]))
        species = [turned[site.specie.symbol] for site in structure]
        yield "species_rotated", Structure(structure.lattice, species, structure.frac_coords)
    alike = [other for other in others if len(other) == len(structure) and other is not structure]
    if alike:
        # The other crystal with this one's elements: the comparison must go as far as the positions.
        species = sorted(site.specie.symbol for site in structure)
        other = alike[int(rng.integers(len(alike)))]
        yield "other_positions", Structure(other.lattice, species, other.frac_coords)


def pairs(chosen, rng):
    found = []
    structures = [structure for _, structure in chosen]
    for identifier, structure in chosen[::2]:
        for kind, other in variants(structure, structures, rng):
            base = {name: verdict(matcher, structure, other) for name, matcher in MATCHERS.items()}
            # The verdict in other settings of both; a test must not be stricter than pymatgen is with itself.
            stable, spread = True, 0.0
            for (a, _), (b, _) in zip(settings(structure, rng), settings(other, rng)):
                for name, matcher in MATCHERS.items():
                    again = verdict(matcher, a, b)
                    same = (again["rms"] is None) == (base[name]["rms"] is None) and again["fit"] == base[name]["fit"]
                    stable = stable and same
                    if same and again["rms"] is not None:
                        spread = max(spread, abs(again["rms"] - base[name]["rms"]))
            stable = stable and spread < 1e-7
            found.append({
                "kind": kind, "a_id": identifier, "b_id": identifier, "a": crystal(structure), "b": crystal(other),
                "verdict_stable": stable, "rms_spread": rounded(spread, 3), **base,
            })
    return found


# --------------------------------------------------------------------------------------------------------------- sets

def as_set(ids, structures):
    compositions = [structure.composition for structure in structures]
    return {
        "ids": ids, "structures": [crystal(structure) for structure in structures],
        "struct_fp": [numbers(mean_fingerprint(structure), 12) for structure in structures],
        "comp_fp": [numbers(magpie(composition), 12) for composition in compositions],
        "density": numbers([structure.density for structure in structures], 12),
        "n_elements": [len(composition) for composition in compositions],
        "struct_valid": [structure_valid(structure) for structure in structures],
        "smact_valid": [smact_valid(*reduced_counts(composition)) for composition in compositions],
    }


def frechet(a, b):
    """Fréchet distance of two sets of vectors, by symmetric eigendecompositions."""
    def root(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    inner = root(root(covariance_a) @ covariance_b @ root(covariance_a))
    means = np.sum((a.mean(0) - b.mean(0)) ** 2)
    return means + np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.trace(inner)


def compare_sets(sets, generated_name, reference_name):
    generated, reference = sets[generated_name], sets[reference_name]
    vectors = lambda one: np.array(one["struct_fp"], float)
    compositions = lambda one: scaled(np.array(one["comp_fp"], float))
    structure_distance = cdist(vectors(generated), vectors(reference))
    composition_distance = cdist(compositions(generated), compositions(reference))
    recall = [structure_distance.min(0), composition_distance.min(0)]
    precision = [structure_distance.min(1), composition_distance.min(1)]
    result = {"gen": generated_name, "ref": reference_name}
    for structure_cutoff, composition_cutoff in [(0.4, 10), (0.2, 4), (0.1, 2)]:
        covered = lambda two: float(np.mean((two[0] <= structure_cutoff) & (two[1] <= composition_cutoff)))
        result[f"cov_cutoffs_{structure_cutoff}_{composition_cutoff}"] = {
            "cov_recall": covered(recall), "cov_precision": covered(precision),
            "amsd_recall": float(recall[0].mean()), "amsd_precision": float(precision[0].mean()),
            "amcd_recall": float(recall[1].mean()), "amcd_precision": float(precision[1].mean()),
        }
    wasserstein = lambda key: float(scipy.stats.wasserstein_distance(generated[key], reference[key]))
    result["fd_crystalnn_eigh"] = float(frechet(vectors(generated), vectors(reference)))
    result["wdist_density"], result["wdist_nelem"] = wasserstein("density"), wasserstein("n_elements")
    result["validity"] = {"struct": float(np.mean(generated["struct_valid"])), "smact": float(np.mean(generated["smact_valid"]))}
    return result


def comparison(chosen, rng):
    """Every second structure is the reference, the others are compared with it; so is the reference with noise."""
    reference, other = chosen[0::2], chosen[1::2]
    noised = []
    for identifier, structure in reference:
        coords = structure.cart_coords + rng.normal(scale=0.2, size=(len(structure), 3))
        noised.append((f"{identifier}+noise0.2", Structure(structure.lattice, structure.species, coords, coords_are_cartesian=True)))
    named = {"ref_mp20test": reference, "gen_mp20test": other, "gen_noise0.2": noised}
    sets = {name: as_set(*map(list, zip(*members))) for name, members in named.items()}
    results = [compare_sets(sets, name, "ref_mp20test") for name in ["gen_mp20test", "gen_noise0.2"]]
    return {"sets": sets, "results": results}


# --------------------------------------------------------------------------------------------------------------- files

def generate(chosen):
    """All files, by name."""
    described = [describe(identifier, structure, np.random.default_rng(SEED)) for identifier, structure in chosen]
    return {
        "structures": described,
        "voronoi_facets": [{"id": identifier, "facets": voronoi_facets(structure)} for identifier, structure in chosen],
        "pairs": pairs(chosen, np.random.default_rng(SEED + 1)),
        "cov_fd": comparison(chosen, np.random.default_rng(SEED + 2)),
        "compositions": random_compositions(200, np.random.default_rng(SEED + 3)),
    }


def path_of(name):
    return HERE / f"{name}.json.gz"


def differences(found, expected, place):
    """Where two JSON values differ by more than rounding."""
    if place.endswith(".nn"):
        # Neighbours of equal weight come in any order: distances and weights are compared, sites and images are not.
        found, expected = (sorted((row[4:] for row in rows), key=lambda row: (-row[2], row[0])) for rows in (found, expected))
        place += "|"
    if isinstance(expected, dict):
        if not isinstance(found, dict) or set(found) != set(expected):
            yield f"{place}: other keys"
            return
        for key in expected:
            yield from differences(found[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            yield f"{place}: another length"
            return
        for index, (a, b) in enumerate(zip(found, expected)):
            yield from differences(a, b, f"{place}[{index}]")
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        if abs(found - expected) > 1e-7 * max(1.0, abs(expected)):
            yield f"{place}: {found} instead of {expected}"
    elif found != expected:
        yield f"{place}: {found} instead of {expected}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--mp20", type=Path, metavar="FOLDER", help="choose anew, and write the files")
    mode.add_argument("--check", action="store_true", help="compare with the files")
    arguments = parser.parse_args()
    if arguments.mp20:
        for name, content in generate(select(arguments.mp20)).items():
            text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
            # No time stamp: the same values make the same file.
            path_of(name).write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
            print(f"{path_of(name).name}: {len(content)} entries, {path_of(name).stat().st_size} bytes")
        return 0
    read = lambda name: json.loads(gzip.decompress(path_of(name).read_bytes()))
    chosen = [(entry["id"], from_crystal(entry)) for entry in read("structures")]
    found = [line for name, content in generate(chosen).items() for line in differences(content, read(name), name)]
    print("\n".join(found) or "the files are what these versions compute")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
