"""Which structures are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _druse, _inputs
from ._records import Record
from .errors import RequestError

S = TypeVar("S")


@dataclass
class StructureMatcher(Record):
    """Tells whether two structures are the same, as pymatgen's ``StructureMatcher`` with the same tolerances does.

    Primitive cells are compared, scaled to one volume, with an ``ElementComparator``.

    Parameters
    ----------
    ltol : float
        Share by which lengths of cell vectors may differ.
    stol : float
        Distance of atoms that is allowed, in units of (volume per atom)^(1/3).
    angle_tol : float
        Difference of the cell's angles that is allowed, degrees.
    """

    ltol: float = 0.2
    stol: float = 0.3
    angle_tol: float = 5.0

    @property
    def _tolerances(self) -> tuple[float, float, float]:
        return self.ltol, self.stol, self.angle_tol

    def fit(self, a: Any, b: Any) -> bool:
        """Whether two structures are the same.

        Parameters
        ----------
        a, b : structure
            pymatgen Structures, ASE Atoms, dicts or paths.

        Raises
        ------
        CalculationError
            If a cell cannot be reduced, or the tolerances leave too many ways to lay one on the other.
        """
        return _druse.match_pairs([_inputs.one(a)], [_inputs.one(b)], self._tolerances, False)[0][0]

    def get_rms_dist(self, a: Any, b: Any) -> tuple[float, float] | None:
        """Root mean square and largest distance of the atoms, in units of (volume per atom)^(1/3).

        Returns
        -------
        tuple of float or None
            ``None`` if the structures are not the same.
        """
        return _druse.match_pairs([_inputs.one(a)], [_inputs.one(b)], self._tolerances, True)[0][1]

    def fit_pairs(self, a: Iterable[Any], b: Iterable[Any]) -> list[bool]:
        """`fit` of the first of `a` with the first of `b`, and so on, in parallel."""
        return [is_same for is_same, _ in self._pairs(a, b, False)]

    def rms_pairs(self, a: Iterable[Any], b: Iterable[Any]) -> list[tuple[float, float] | None]:
        """`get_rms_dist` of the first of `a` with the first of `b`, and so on, in parallel."""
        return [distances for _, distances in self._pairs(a, b, True)]

    def _pairs(
        self, a: Iterable[Any], b: Iterable[Any], distances: bool
    ) -> list[tuple[bool, tuple[float, float] | None]]:
        first, second = _inputs.structures(a).plain, _inputs.structures(b).plain
        if len(first) != len(second):
            raise RequestError(
                f"{len(first)} structures stand beside {len(second)}; they are paired by order, so give as many of one "
                "as of the other"
            )
        return _druse.match_pairs(first, second, self._tolerances, distances)

    def group_structures(self, structures: Iterable[S]) -> list[list[S]]:
        """Groups of equal structures, in parallel.

        Each structure is compared with the first of each group so far, as pymatgen does.

        Parameters
        ----------
        structures : iterable of structures
            pymatgen Structures, ASE Atoms, dicts or paths.

        Returns
        -------
        list of list
            The objects that were given, groups and members in their order.
        """
        inputs = _inputs.structures(structures)
        groups: dict[int, list[Any]] = {}
        for original, first in zip(inputs.originals, _druse.first_equal(inputs.plain, self._tolerances)):
            groups.setdefault(first, []).append(original)
        return list(groups.values())
