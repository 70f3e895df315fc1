"""Golden values for the crate phonon: displacements and frequencies by phonopy, band paths by seekpath.

    python -m venv venv && venv/bin/pip install phonopy==4.10.0 seekpath==2.2.2 spglib==2.8.0 numpy==2.4.6
    venv/bin/python generate.py

Writes phonopy.json and seekpath.json beside this file. The forces are those of a potential of pairs,
A (1 - (r/rc)^2)^4 with A = 0.02 sqrt(Z1 + Z2) eV and rc = 3.9 Angstrom, which the tests have as well.
"""

import json
import math
import pathlib
from importlib.metadata import version

import numpy as np
import seekpath
import spglib
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

HERE = pathlib.Path(__file__).parent
CUTOFF = 3.9
NUMBERS = {"O": 8, "Mg": 12, "Al": 13, "Si": 14, "Na": 11, "Cl": 17, "Ca": 20, "Ti": 22, "Cu": 29, "Zn": 30,
           "Ga": 31, "As": 33, "Sr": 38, "Zr": 40, "Te": 52, "S": 16, "C": 6, "Fe": 26}
MASSES = {"O": 15.9994, "Mg": 24.305, "Al": 26.9815386, "Si": 28.0855, "Na": 22.98976928, "Cl": 35.453, "Ca": 40.078,
          "Ti": 47.867, "Cu": 63.546, "Zn": 65.409, "Ga": 69.723, "As": 74.9216, "Sr": 87.62, "Zr": 91.224,
          "Te": 127.6, "S": 32.065, "C": 12.0107, "Fe": 55.845}
FIRST_HALL = {}
for hall in range(530, 0, -1):
    FIRST_HALL[spglib.get_spacegroup_type(hall).number] = hall


def cell(a, b, c, alpha, beta, gamma):
    ca, cb, cg = (math.cos(math.radians(x)) for x in (alpha, beta, gamma))
    sg = math.sin(math.radians(gamma))
    cy = (ca - cb * cg) / sg
    return np.array([[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * cy, c * math.sqrt(1 - cb * cb - cy * cy)]])


def crystal(hall, lattice, sites):
    """All atoms of the conventional cell of a Hall number."""
    operations = spglib.get_symmetry_from_database(hall)
    positions, symbols = [], []
    for symbol, x in sites:
        orbit = []
        for w, t in zip(operations["rotations"], operations["translations"]):
            y = (w @ np.array(x) + t) % 1.0
            if all(np.linalg.norm(((y - z + 0.5) % 1.0 - 0.5) @ lattice) > 1e-3 for z in orbit):
                orbit.append(y)
        positions += orbit
        symbols += [symbol] * len(orbit)
    return lattice, np.array(positions), symbols


def primitive(structure):
    lattice, positions, symbols = structure
    numbers = [NUMBERS[s] for s in symbols]
    lattice, positions, numbers = spglib.standardize_cell((lattice, positions, numbers), to_primitive=True, symprec=1e-5)
    names = {v: k for k, v in NUMBERS.items()}
    return lattice, positions, [names[n] for n in numbers]


def forces(cell_):
    lattice, x, numbers = cell_.cell, cell_.scaled_positions, cell_.numbers
    reach = np.ceil(CUTOFF * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int) + 1
    shifts = np.array([[i, j, k] for i in range(-reach[0], reach[0] + 1) for j in range(-reach[1], reach[1] + 1)
                       for k in range(-reach[2], reach[2] + 1)])
    result = np.zeros((len(x), 3))
    for i in range(len(x)):
        vectors = (x[None, :, :] - x[i] + shifts[:, None, :]) @ lattice
        r = np.linalg.norm(vectors, axis=2)
        near = (r < CUTOFF) & (r > 1e-3)
        strength = np.broadcast_to(0.02 * np.sqrt(numbers[i] + numbers)[None, :], r.shape)[near]
        r, vectors = r[near], vectors[near]
        slope = strength * 4 * (1 - (r / CUTOFF) ** 2) ** 3 * (-2 * r / CUTOFF**2)
        result[i] = (vectors * (slope / r)[:, None]).sum(axis=0)
    return result


t = 1 / 3
CRYSTALS = [
    ("diamond Si", 227, cell(5.43, 5.43, 5.43, 90, 90, 90), [("Si", [0, 0, 0])]),
    ("Al", 225, cell(4.05, 4.05, 4.05, 90, 90, 90), [("Al", [0, 0, 0])]),
    ("Fe bcc", 229, cell(2.87, 2.87, 2.87, 90, 90, 90), [("Fe", [0, 0, 0])]),
    ("NaCl", 225, cell(5.64, 5.64, 5.64, 90, 90, 90), [("Na", [0, 0, 0]), ("Cl", [0.5, 0.5, 0.5])]),
    ("SrTiO3", 221, cell(3.9, 3.9, 3.9, 90, 90, 90),
     [("Sr", [0, 0, 0]), ("Ti", [0.5, 0.5, 0.5]), ("O", [0, 0.5, 0.5])]),
    ("GaAs", 216, cell(5.65, 5.65, 5.65, 90, 90, 90), [("Ga", [0, 0, 0]), ("As", [0.25, 0.25, 0.25])]),
    ("pyrite FeS2", 205, cell(5.42, 5.42, 5.42, 90, 90, 90), [("Fe", [0, 0, 0]), ("S", [0.385, 0.385, 0.385])]),
    ("Mg hcp", 194, cell(3.21, 3.21, 5.21, 90, 90, 120), [("Mg", [t, 2 * t, 0.25])]),
    ("wurtzite ZnO", 186, cell(3.25, 3.25, 5.2, 90, 90, 120), [("Zn", [t, 2 * t, 0]), ("O", [t, 2 * t, 0.38])]),
    ("graphite C", 194, cell(2.46, 2.46, 6.7, 90, 90, 120), [("C", [0, 0, 0.25]), ("C", [t, 2 * t, 0.25])]),
    ("Te", 152, cell(4.45, 4.45, 5.93, 90, 90, 120), [("Te", [0.26, 0, t])]),
    ("calcite", 167, cell(4.99, 4.99, 17.06, 90, 90, 120),
     [("Ca", [0, 0, 0]), ("C", [0, 0, 0.25]), ("O", [0.257, 0, 0.25])]),
    ("rutile", 136, cell(4.6, 4.6, 2.96, 90, 90, 90), [("Ti", [0, 0, 0]), ("O", [0.305, 0.305, 0])]),
    ("quartz", 154, cell(4.91, 4.91, 5.4, 90, 90, 120),
     [("Si", [0.47, 0, 2 * t]), ("O", [0.415, 0.267, 0.786])]),
    ("baddeleyite", 14, cell(5.15, 5.21, 5.32, 90, 99.2, 90),
     [("Zr", [0.275, 0.04, 0.208]), ("O", [0.07, 0.332, 0.345]), ("O", [0.45, 0.757, 0.479])]),
    ("CuO", 15, cell(4.68, 3.42, 5.13, 90, 99.5, 90), [("Cu", [0.25, 0.25, 0]), ("O", [0, 0.418, 0.25])]),
    ("perovskite Pnma", 62, cell(5.42, 7.65, 5.38, 90, 90, 90),
     [("Ca", [0.03, 0.25, 0.99]), ("Ti", [0, 0, 0.5]), ("O", [0.48, 0.25, 0.07]), ("O", [0.29, 0.04, 0.71])]),
    ("triclinic P-1", 2, cell(4.5, 5.1, 5.6, 83, 97, 104), [("Si", [0, 0, 0]), ("O", [0.2, 0.3, 0.35])]),
    ("triclinic P1", 1, cell(4.5, 5.1, 5.6, 83, 97, 104), [("Si", [0, 0, 0]), ("O", [0.4, 0.45, 0.5])]),
    ("Ga Cmce", 64, cell(4.52, 7.66, 4.53, 90, 90, 90), [("Ga", [0, 0.155, 0.081])]),
    ("Amm2", 38, cell(4.0, 5.7, 5.72, 90, 90, 90),
     [("Sr", [0, 0, 0]), ("Ti", [0.5, 0, 0.49]), ("O", [0, 0, 0.52]), ("O", [0.5, 0.25, 0.24])]),
    ("Te R-3m", 166, cell(4.2, 4.2, 11.9, 90, 90, 120), [("Te", [0, 0, 0]), ("S", [0, 0, 0.25])]),
]
# Supercells smaller than twice the cut-off: force constants are shared by several images.
SMALL = [("NaCl", [2, 2, 2]), ("SrTiO3", [2, 2, 2]), ("Mg hcp", [2, 2, 1]), ("rutile", [1, 1, 2]), ("quartz", [1, 1, 1]),
         ("Te R-3m", [2, 2, 2]), ("baddeleyite", [1, 1, 1])]
QPOINTS = [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0.5, 0.5, 0.5], [0.13, 0.29, -0.41]]


def multiples(lattice):
    return [max(1, math.ceil(8 * x - 1e-6)) for x in np.linalg.norm(np.linalg.inv(lattice), axis=0)]


def phonopy_entries():
    by_name = {c[0]: c for c in CRYSTALS}
    for (name, number, lattice, sites), n in [(c, None) for c in CRYSTALS] + [(by_name[k], n) for k, n in SMALL]:
        lattice, positions, symbols = primitive(crystal(FIRST_HALL[number], lattice, sites))
        n = n or multiples(lattice)
        atoms = PhonopyAtoms(cell=lattice, scaled_positions=positions, symbols=symbols, masses=[MASSES[s] for s in symbols])
        phonopy = Phonopy(atoms, np.diag(n), primitive_matrix=np.eye(3))
        phonopy.generate_displacements(distance=0.01)
        residual = forces(phonopy.supercell)
        phonopy.forces = [forces(cell_) - residual for cell_ in phonopy.supercells_with_displacements]
        phonopy.produce_force_constants()
        phonopy.symmetrize_force_constants()
        first = phonopy.dataset["first_atoms"]
        yield {
            "name": name,
            "space_group": number,
            "lattice": lattice.tolist(),
            "positions": positions.tolist(),
            "symbols": symbols,
            "supercell": n,
            "n_displacements": len(first),
            "displacements": [{"atom": int(d["number"]), "vector": d["displacement"].tolist()} for d in first],
            "max_residual_force": float(np.linalg.norm(residual, axis=1).max()),
            "frequencies_thz": [{"qpoint": q, "values": phonopy.run_qpoints([q]).frequencies[0].tolist()} for q in QPOINTS],
        } | thermal(phonopy)


def thermal(phonopy):
    """Thermal functions on a 6 x 6 x 6 mesh with modes above 0.001 THz."""
    phonopy.run_mesh([6, 6, 6], is_gamma_center=True)
    phonopy.run_thermal_properties(temperatures=[0, 100, 300, 1000], cutoff_frequency=1e-3)
    values = phonopy.thermal_properties
    return {
        "thermal": {
            "temperatures_k": values.temperatures.tolist(),
            "free_energy_kj_mol": values.free_energy.tolist(),
            "entropy_j_k_mol": values.entropy.tolist(),
            "heat_capacity_j_k_mol": values.heat_capacity.tolist(),
        }
    }


LATTICES = [
    (1, (4.5, 5.1, 5.6, 83, 97, 104)), (1, (4.5, 5.1, 5.6, 83, 81, 78)), (2, (4.5, 5.1, 6.6, 101, 97, 104)),
    (2, (3.1, 5.1, 6.6, 71, 77, 84)),
    (3, (4.5, 5.1, 5.6, 90, 97, 90)), (14, (5.5, 4.1, 5.2, 90, 103, 90)),
    (5, (8.5, 4.1, 5.2, 90, 103, 90)), (12, (5.5, 7.1, 5.2, 90, 103, 90)), (15, (5.5, 5.6, 5.2, 90, 120, 90)),
    (12, (7.5, 7.6, 5.2, 90, 118, 90)), (9, (7.5, 7.6, 4.2, 90, 118, 90)),
    (19, (4.5, 5.1, 6.2, 90, 90, 90)), (62, (7.5, 5.1, 4.2, 90, 90, 90)),
    (36, (4.5, 5.1, 6.2, 90, 90, 90)), (63, (6.5, 5.1, 4.2, 90, 90, 90)), (64, (4.5, 7.1, 6.2, 90, 90, 90)),
    (38, (4.5, 5.1, 6.2, 90, 90, 90)), (40, (4.5, 6.1, 5.2, 90, 90, 90)),
    (43, (4.0, 7.1, 8.2, 90, 90, 90)), (70, (8.0, 7.1, 4.2, 90, 90, 90)), (69, (7.0, 7.5, 8.2, 90, 90, 90)),
    (72, (4.0, 5.0, 8.2, 90, 90, 90)), (74, (8.4, 5.0, 4.2, 90, 90, 90)), (44, (4.0, 8.0, 5.2, 90, 90, 90)),
    (42, (8.0, 7.1, 4.2, 90, 90, 90)), (46, (8.4, 5.0, 4.2, 90, 90, 90)),
    (76, (4.0, 4.0, 5.2, 90, 90, 90)), (136, (4.6, 4.6, 2.9, 90, 90, 90)),
    (82, (6.0, 6.0, 5.2, 90, 90, 90)), (141, (3.8, 3.8, 9.5, 90, 90, 90)),
    (143, (4.0, 4.0, 5.2, 90, 90, 120)), (152, (4.0, 4.0, 5.2, 90, 90, 120)), (163, (4.0, 4.0, 5.2, 90, 90, 120)),
    (194, (4.0, 4.0, 5.2, 90, 90, 120)), (180, (4.0, 4.0, 5.2, 90, 90, 120)),
    (148, (4.0, 4.0, 12.2, 90, 90, 120)), (160, (8.0, 8.0, 5.2, 90, 90, 120)), (166, (5.0, 5.0, 12.2, 90, 90, 120)),
    (198, (5.0,) * 3 + (90,) * 3), (221, (5.0,) * 3 + (90,) * 3), (196, (7.0,) * 3 + (90,) * 3),
    (225, (7.0,) * 3 + (90,) * 3), (199, (6.0,) * 3 + (90,) * 3), (230, (9.0,) * 3 + (90,) * 3),
]


def seekpath_entries():
    general = [("O", [0.0917, 0.1773, 0.2879]), ("Si", [0.3391, 0.0719, 0.4137])]
    for number, parameters in LATTICES:
        lattice, positions, symbols = crystal(FIRST_HALL[number], cell(*parameters), general)
        numbers = [NUMBERS[s] for s in symbols]
        path = seekpath.get_path((lattice, positions, numbers), symprec=1e-5)
        reciprocal = np.array(path["reciprocal_primitive_lattice"]) / (2 * np.pi)
        yield {
            "space_group": path["spacegroup_number"],
            "bravais": path["bravais_lattice_extended"],
            "lattice": lattice.tolist(),
            "conventional": np.array(path["conv_lattice"]).tolist(),
            "points": {k: (np.array(v) @ reciprocal).tolist() for k, v in path["point_coords"].items()},
            "path": path["path"],
        }


def write(name, packages, entries):
    about = "generated by generate.py with " + ", ".join(f"{p} {version(p)}" for p in packages)
    lines = ",\n".join(json.dumps(round_floats(e)) for e in entries)
    (HERE / name).write_text(f'{{"about": {json.dumps(about)}, "entries": [\n{lines}\n]}}\n')


def round_floats(x):
    if isinstance(x, float):
        return float(f"{x:.10g}") if abs(x) > 1e-13 else 0.0
    if isinstance(x, dict):
        return {k: round_floats(v) for k, v in x.items()}
    return [round_floats(v) for v in x] if isinstance(x, (list, tuple)) else x


if __name__ == "__main__":
    write("seekpath.json", ["seekpath", "spglib", "numpy"], list(seekpath_entries()))
    write("phonopy.json", ["phonopy", "spglib", "numpy"], list(phonopy_entries()))
