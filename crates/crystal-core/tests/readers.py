"""Reads what the writers wrote with gemmi and pymatgen. Argument: a folder with expected.jsonl (one structure per line) and,
for each id in it, ID.cif and, where there is one, ID.vasp and ID.json. Prints how many files were the same."""

import json
import sys
from pathlib import Path

import gemmi
from pymatgen.core import Structure

# Å, and a part of the cell.
TOLERANCE = 1e-4


def same(expected, found):
    """Elements and coordinates in any order, modulo translations."""
    left = list(found)
    for element, x in expected:
        for index, (other, y) in enumerate(left):
            if element == other and all(abs((a - b) - round(a - b)) < TOLERANCE for a, b in zip(x, y)):
                del left[index]
                break
        else:
            return False
    return not left


def by_gemmi(path):
    structure = gemmi.read_small_structure(str(path))
    sites = structure.get_all_unit_cell_sites()
    return [(site.element.name, list(site.fract)) for site in sites]


def by_pymatgen(path):
    structure = Structure.from_file(str(path))
    return [(site.specie.symbol, list(site.frac_coords)) for site in structure]


folder = Path(sys.argv[1])
counts = {"gemmi": 0, "pymatgen": 0}
for line in (folder / "expected.jsonl").read_text().splitlines():
    crystal = json.loads(line)
    expected = list(zip(crystal["species"], crystal["frac_coords"]))
    for ending in ("cif", "vasp", "json"):
        path = folder / f"{crystal['id']}.{ending}"
        if not path.exists():
            continue
        readers = {"pymatgen": by_pymatgen}
        if ending == "cif":
            readers["gemmi"] = by_gemmi
        for name, read in readers.items():
            if not same(expected, read(path)):
                sys.exit(f"{path}: {name} reads another structure")
            counts[name] += 1
print(f"gemmi {gemmi.__version__}: {counts['gemmi']} files, pymatgen: {counts['pymatgen']} files, all the same")
