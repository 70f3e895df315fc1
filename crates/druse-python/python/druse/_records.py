"""Results: plain data that go through JSON and back, with the objects of other packages made when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import ase
    import pandas
    from pymatgen.core import Structure
    from typing_extensions import Self

C = TypeVar("C", bound="Crystal")


class Record:
    """Plain data with the protocol of monty's ``MSONable``."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, with module and class.

        Returns
        -------
        dict
            What `from_dict`, and monty's decoder, take.
        """
        own = {"@module": type(self).__module__, "@class": type(self).__name__}
        return own | asdict(self)  # type: ignore[call-overload]  # every subclass is a dataclass

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """The record of `as_dict`'s data.

        Parameters
        ----------
        d : dict
            The data; keys that begin with ``@`` are passed over.
        """
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{key: value for key, value in d.items() if key in known})


@dataclass
class Crystal(Record):
    """A crystal as plain numbers.

    Attributes
    ----------
    lattice : list of list of float
        Lattice vectors as rows, Å.
    species : list of str
        Symbols of the elements, one for every atom.
    frac_coords : list of list of float
        Fractional coordinates of the atoms.
    """

    lattice: list[list[float]]
    species: list[str]
    frac_coords: list[list[float]]

    @property
    def structure(self) -> Structure:
        """As a pymatgen ``Structure``, which must be installed."""
        from pymatgen.core import Structure

        return Structure(self.lattice, self.species, self.frac_coords)

    @property
    def atoms(self) -> ase.Atoms:
        """As ASE ``Atoms``, periodic; ASE must be installed."""
        from ase import Atoms

        return Atoms(self.species, cell=self.lattice, scaled_positions=self.frac_coords, pbc=True)


class Crystals(Sequence[C], Generic[C]):
    """A list of crystals with what is known of each."""

    _of: type[C]

    def __init__(self, records: Sequence[C]) -> None:
        self.records: list[C] = list(records)

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> C: ...
    @overload
    def __getitem__(self, index: slice) -> list[C]: ...
    def __getitem__(self, index: int | slice) -> C | list[C]:
        return self.records[index]

    def __iter__(self) -> Iterator[C]:
        return iter(self.records)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} × {self._of.__name__}>"

    @property
    def structures(self) -> list[Structure]:
        """As pymatgen ``Structure`` objects."""
        return [record.structure for record in self.records]

    @property
    def atoms(self) -> list[ase.Atoms]:
        """As ASE ``Atoms``."""
        return [record.atoms for record in self.records]

    def to_frame(self) -> pandas.DataFrame:
        """One row for every crystal, with its numbers and without its coordinates; pandas must be installed."""
        import pandas

        left_out = {"lattice", "species", "frac_coords", "cif"}
        names = [field.name for field in fields(self._of) if field.name not in left_out]
        return pandas.DataFrame({name: [getattr(record, name) for record in self.records] for name in names})

    def as_dict(self) -> dict[str, Any]:
        """As plain data, with module and class (``MSONable``)."""
        own = {"@module": type(self).__module__, "@class": type(self).__name__}
        return own | {"records": [record.as_dict() for record in self.records]}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """The crystals of `as_dict`'s data."""
        # monty's decoder makes the inner objects first.
        made = [one if isinstance(one, cls._of) else cls._of.from_dict(one) for one in d["records"]]
        return cls(made)
