"""Structures of other packages as plain numbers, told by what they have, not by their class."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import _druse, errors
from .errors import DruseError, DruseWarning, StructureError

T = TypeVar("T")

Plain = tuple[list[list[float]], list[str], list[list[float]]]


@dataclass
class Inputs:
    """Structures as they were given and as plain numbers, and whether it was one or a collection."""

    is_one: bool
    originals: list[Any] = field(default_factory=list)
    plain: list[Plain] = field(default_factory=list)

    def add(self, original: Any, plain: Plain) -> None:
        self.originals.append(original)
        self.plain.append(plain)


def failure(kind: str, message: str) -> DruseError:
    """The exception of a name in `druse.errors`."""
    return getattr(errors, kind)(message)


def warn(message: str) -> None:
    """A warning at the caller of the package."""
    warnings.warn(message, DruseWarning, stacklevel=4)


def one(value: Any) -> Plain:
    """The one structure of an argument."""
    inputs = structures(value)
    if len(inputs.plain) != 1:
        raise StructureError(f"one structure is wanted here and {len(inputs.plain)} were given")
    return inputs.plain[0]


def structures(value: Any) -> Inputs:
    """The structures of an argument: one, a path, or a collection of these."""
    if isinstance(value, (str, os.PathLike)):
        return _of_path(value)
    plain = _of_object(value)
    if plain is not None:
        return Inputs(True, [value], [plain])
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise StructureError(_what_it_is_not(value))
    inputs = Inputs(False)
    for index, element in enumerate(value):
        try:
            inputs.add(element, _single(element))
        except DruseError as error:
            raise type(error)(f"structure {index}: {error}") from None
    if not inputs.plain:
        raise StructureError("there is no structure to work on; give one, or a path that holds one")
    return inputs


def _single(value: Any) -> Plain:
    if isinstance(value, (str, os.PathLike)):
        return one(value)
    plain = _of_object(value)
    if plain is None:
        raise StructureError(_what_it_is_not(value))
    return plain


def _what_it_is_not(value: Any) -> str:
    return (
        f"a {type(value).__name__} is not a structure; give a pymatgen Structure, an ASE Atoms, a path, or a dict with "
        "lattice, species and frac_coords"
    )


def _of_object(value: Any) -> Plain | None:
    """The numbers of one structure; ``None`` for what does not look like one."""
    if isinstance(value, Mapping):
        return _of_dict(value)
    if hasattr(value, "frac_coords") and hasattr(value, "lattice"):
        return _of_pymatgen(value)
    if hasattr(value, "get_scaled_positions") and hasattr(value, "get_chemical_symbols"):
        return _of_ase(value)
    return None


def _of_pymatgen(value: Any) -> Plain:
    if not getattr(value, "is_ordered", True):
        return _parsed(json.dumps(value.as_dict(), default=str))
    species = [getattr(element, "symbol", element) for element in value.species]
    if "D" in species or "T" in species:
        return _parsed(json.dumps(value.as_dict(), default=str))
    return _cell(getattr(value.lattice, "matrix", value.lattice)), species, _rows(value.frac_coords)


def _of_ase(value: Any) -> Plain:
    cell = _cell(value.cell)
    if not any(any(row) for row in cell):
        raise StructureError("the Atoms have no cell; a crystal needs three lattice vectors (Atoms.set_cell)")
    if not all(value.pbc):
        warn("the Atoms are not periodic along every vector; they are taken as if they were")
    occupancies = (getattr(value, "info", None) or {}).get("occupancy")
    if occupancies and any(len(shares) > 1 or min(shares.values(), default=1) < 1 for shares in occupancies.values()):
        raise errors.DisorderedStructureError(
            "the Atoms have shared or partly empty sites (info['occupancy']); order the structure first"
        )
    return cell, list(value.get_chemical_symbols()), _rows(value.get_scaled_positions(wrap=False))


def _of_dict(value: Mapping[str, Any]) -> Plain | None:
    if {"lattice", "species", "frac_coords"} <= value.keys():
        return _cell(value["lattice"]), [str(symbol) for symbol in value["species"]], _rows(value["frac_coords"])
    if "sites" in value or "structure" in value:
        return _parsed(json.dumps(value, default=str))
    return None


def _cell(matrix: Any) -> list[list[float]]:
    """Three lattice vectors."""
    rows = _rows(matrix)
    if len(rows) != 3:
        raise StructureError(f"the lattice has {len(rows)} rows; give three lattice vectors")
    return rows


def _rows(matrix: Any) -> list[list[float]]:
    """Rows of three numbers."""
    if hasattr(matrix, "tolist"):
        matrix = matrix.tolist()
    try:
        rows = [[float(x) for x in row] for row in matrix]
    except (TypeError, ValueError) as error:
        raise StructureError(f"the lattice or the coordinates are not rows of three numbers: {error}") from None
    if any(len(row) != 3 for row in rows):
        raise StructureError("the lattice or the coordinates are not rows of three numbers")
    return rows


def _parsed(text: str) -> Plain:
    (entry,) = json.loads(_druse.parse(text))
    for note in entry["notes"]:
        warn(note)
    if "failure" in entry:
        raise failure(*entry["failure"])
    return entry["lattice"], entry["species"], entry["frac_coords"]


def _of_path(path: str | os.PathLike[str]) -> Inputs:
    """All structures of a file or folder. What is bad among good ones is warned of, as the command does."""
    entries = json.loads(_druse.read(path))
    bad = [entry for entry in entries if "failure" in entry]
    if len(bad) == len(entries):
        raise failure(*bad[0]["failure"])
    for entry in bad:
        warn(entry["failure"][1])
    inputs = Inputs(len(entries) == 1 and not os.path.isdir(path))
    for entry in entries:
        for note in entry["notes"]:
            warn(note)
        if "failure" not in entry:
            crystal = {key: entry[key] for key in ("id", "lattice", "species", "frac_coords")}
            inputs.add(crystal, (entry["lattice"], entry["species"], entry["frac_coords"]))
    return inputs


def results(rows: list[dict[str, Any]], make: Callable[[dict[str, Any]], T]) -> list[T | None]:
    """What was made of each row; an exception if all failed, a warning and ``None`` where some did."""
    failures = [row["failure"] for row in rows if "failure" in row]
    if failures and len(failures) == len(rows):
        raise failure(*failures[0])
    if failures:
        warn(f"{len(failures)} of {len(rows)} structures have no result; the first: {failures[0][1]}")
    return [None if "failure" in row else make(row) for row in rows]
