"""The networks, and crystals grown by them."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import _druse, _inputs, _progress, _settings
from ._records import Crystal, Crystals
from .errors import RequestError

_COUNT = _settings.maybe(_settings.whole)
#: What the settings of `Model.sample` are.
_KINDS = {
    "formula": _settings.maybe(_settings.text),
    "space_group": _COUNT,
    "n": _settings.whole,
    "candidates": _COUNT,
    "seed": _settings.whole,
    "formula_units": _COUNT,
    "top_space_groups": _COUNT,
    "noise": _COUNT,
    "fix": _settings.maybe(_settings.text),
    "sampler": _settings.text,
    "steps_per_level": _COUNT,
    "evaluations": _COUNT,
    "batch_size": _COUNT,
}


@dataclass
class Sample(Crystal):
    """A crystal that was grown: all atoms of the primitive cell.

    Attributes
    ----------
    id : str
        Formula and space group asked for, place of the order and place in the order.
    formula : str
        Reduced formula.
    space_group : int
        Number of the space group, which the structure has exactly.
    wyckoff : str or None
        Elements on Wyckoff positions, such as ``Na@4a Cl@4b``, where the request named or drew them.
    probability : float or None
        How likely the proposer finds group, cell and positions, where it proposed them.
    redraws : int
        How often it was drawn again because it diverged.
    denoising_error : float or None
        With `candidates`: the less, the more plausible the network finds it.
    cif : str
        A CIF with the operations of the space group, as the command writes it.
    """

    id: str
    formula: str
    space_group: int
    wyckoff: str | None
    probability: float | None
    redraws: int
    denoising_error: float | None
    cif: str = field(repr=False)


class Samples(Crystals[Sample]):
    """Grown crystals, in the order asked for. Those whose every draw diverged are missing, with a warning."""

    _of = Sample


class Model:
    """The networks that grow crystals; made by `load`."""

    def __init__(self, native: _druse.Model) -> None:
        self._native = native

    @property
    def networks(self) -> dict[str, dict[str, str]]:
        """Path and SHA-256 of the network for sites on Wyckoff positions and of that for sites that go anywhere."""
        networks = self._native.networks()
        return {mode: {"path": path, "sha256": sha256} for mode, path, sha256 in networks}

    @property
    def sha256(self) -> str:
        """SHA-256 of the file of the network for sites on Wyckoff positions."""
        return self.networks["wyckoff"]["sha256"]

    @property
    def card(self) -> str:
        """The model cards of the networks, Markdown; a network from a file is named by path and SHA-256."""
        return self._native.card()

    def __repr__(self) -> str:
        paths = ", ".join(network["path"] for network in self.networks.values())
        return f"<druse.Model: {paths}>"

    def sample(
        self,
        formula: str | None = None,
        *,
        space_group: int | None = None,
        n: int = 1,
        candidates: int | None = None,
        seed: int = 0,
        sites: Mapping[str, Sequence[str] | int] | str | None = None,
        template: Any = None,
        elements: Sequence[str] | None = None,
        formula_units: int | None = None,
        atoms: int | tuple[int, int] | None = None,
        sites_per_element: int | tuple[int, int] | None = None,
        top_space_groups: int | None = None,
        noise: int | None = None,
        fix: Literal["lattice", "positions"] | None = None,
        sampler: Literal["annealed", "few-step"] = "annealed",
        steps_per_level: int | None = None,
        evaluations: int | None = None,
        batch_size: int | None = None,
        progress: _progress.Progress = False,
    ) -> Samples:
        """Grow crystals of a formula, on Wyckoff positions, of a chemical system, or like a template.

        Parameters
        ----------
        formula : str, optional
            Chemical formula. Every structure has exactly this composition, on the Wyckoff positions that are proposed
            for it, the most likely first.
        space_group : int, optional
            Number of the space group, 1 to 230. For a formula, by default those that it likely has.
        n : int
            Number of structures; with `elements`, of each combination.
        candidates : int, optional
            Number of draws of each structure; the most plausible one, by the network, is kept.
        seed : int
            Seed of the random numbers. Structure n depends on the seed and on n alone.
        sites : mapping or str, optional
            Wyckoff positions by element, such as ``{"Na": ["4a"], "Cl": ["4b"]}`` or ``"Na@4a Cl@4b"``, which needs a
            space group; with a formula, those of some elements suffice. With whole numbers, such as ``{"Fe": 1}``, the
            number of non-equivalent sites of each element, which go anywhere.
        template : structure, optional
            A structure to start from, noised to `noise`. Space group and positions are kept.
        elements : sequence of str, optional
            A chemical system to search, all numbers of sites in the commonest space groups.
        formula_units, atoms : int or tuple of int, optional
            Formula units, or atoms (a number or a range), in the primitive cell of a formula.
        sites_per_element : int or tuple of int, optional
            For `elements`: non-equivalent sites of each element, 1 to 2 by default.
        top_space_groups : int, optional
            For `elements`: how many of the commonest space groups are searched, 32 by default.
        noise : int, optional
            Noise level put on the template, from 0 (almost none) to 9; 5 by default.
        fix : {'lattice', 'positions'}, optional
            What of the template stays as it is.
        sampler : {'annealed', 'few-step'}
            The paper's Langevin dynamics, or a few large steps, which are much faster and less exact.
        steps_per_level, evaluations : int, optional
            Langevin steps of the annealed sampler per noise level (80), evaluations of the few-step one (32).
        batch_size : int, optional
            Structures sampled at a time.
        progress : bool or callable
            Show a bar, or call a function with what is done and how much there is, in structures.

        Returns
        -------
        Samples
            With ``.structures`` (pymatgen), ``.atoms`` (ASE) and ``.to_frame()`` (pandas).

        Raises
        ------
        RequestError
            If the request cannot be met.
        StructureError
            If the template is not a crystal.

        Examples
        --------
        >>> import druse
        >>> r = druse.load().sample("NaCl", space_group=225, sampler="few-step")
        >>> r[0].formula, r[0].space_group
        ('NaCl', 225)
        """
        asked: dict[str, Any] = {
            "formula": formula,
            "space_group": space_group,
            "n": n,
            "candidates": candidates,
            "seed": seed,
            "elements": None if elements is None else list(elements),
            "template": None if template is None else _inputs.one(template),
            "formula_units": formula_units,
            "atoms": _range(atoms),
            "sites": _range(sites_per_element),
            "top_space_groups": top_space_groups,
            "noise": noise,
            "fix": fix,
            "sampler": sampler,
            "steps_per_level": steps_per_level,
            "evaluations": evaluations,
            "batch_size": batch_size,
        }
        asked |= _sites(sites, formula)
        ways = ("formula", "wyckoff", "sites_per_element", "elements", "template")
        given = [name for name in ways if asked.get(name)]
        if len(given) > 1:
            raise RequestError(f"{' and '.join(given)} were given; say in one way what to grow")
        document = json.loads(self._native.sample(_settings.dumped(asked, _KINDS), _progress.of(progress, "sampling")))
        for notice in document["notices"]:
            _inputs.warn(notice)
        samples = Samples([Sample(**sample) for sample in document["samples"]])
        if len(samples) < document["asked"]:
            _inputs.warn(f"{document['asked'] - len(samples)} of {document['asked']} structures diverged in every draw")
        return samples


def _sites(sites: Mapping[str, Sequence[str] | int] | str | None, formula: str | None) -> dict[str, Any]:
    """What the argument `sites` asks for."""
    if sites is None:
        return {}
    if isinstance(sites, str):
        if formula is not None:
            raise RequestError("beside a formula, give sites as a dict of positions")
        return {"wyckoff": sites}
    if not isinstance(sites, Mapping) or not sites:
        raise RequestError("sites are a dict of elements and their positions, such as {'Na': ['4a'], 'Cl': ['4b']}")
    if all(isinstance(number, int) for number in sites.values()):
        if formula is not None:
            raise RequestError("numbers of sites are for elements without a formula; leave one of the two out")
        return {"sites_per_element": dict(sites)}
    positions = {}
    for element, names in sites.items():
        if isinstance(names, int):
            raise RequestError("some sites are numbers and some are positions; give one or the other")
        positions[element] = [names] if isinstance(names, str) else list(names)
    if formula is not None:
        return {"positions": positions}
    return {"wyckoff": " ".join(f"{element}@{name}" for element, names in positions.items() for name in names)}


def _range(value: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    try:
        least, most = (operator.index(end) for end in (value if isinstance(value, Sequence) else (value, value)))
    except (TypeError, ValueError):
        raise RequestError(f"{value!r} is not a range; give a number from 1 on, or two such as (4, 20)") from None
    if not 1 <= least <= most <= 1_000_000:
        raise RequestError(f"{value} is not a range; give a number from 1 on, or two such as (4, 20)")
    return least, most


def _shipped() -> _druse.Model:
    """The networks that are compiled in, on the processor."""
    global _loaded
    if _loaded is None:
        _loaded = _druse.Model(None, "cpu")
    return _loaded


_loaded: _druse.Model | None = None


def load(weights: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> Model:
    """Load the networks that grow crystals.

    Parameters
    ----------
    weights : path, optional
        A ``.safetensors`` file of a trained network, which takes the place of the one of its kind; by default both are
        those that are compiled in.
    device : {'cpu', 'wgpu', 'cuda'}
        Where they run, as far as this build has it.

    Returns
    -------
    Model

    Raises
    ------
    FileError, ModelError
        If the file cannot be read, or holds no network.
    DeviceError
        If this build or this machine does not have the device.
    """
    if weights is None and device == "cpu":
        return Model(_shipped())
    return Model(_druse.Model(weights, device))
