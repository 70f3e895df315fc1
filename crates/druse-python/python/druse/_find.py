"""The search for compounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _inputs
from .__main__ import END_WITH_PARENT
from ._records import Crystal, Crystals
from .errors import RequestError, SearchError


@dataclass
class Candidate(Crystal):
    """A candidate of a search: all atoms of the cell in its CIF.

    Attributes
    ----------
    rank : int
        Place in the list, from 1.
    formula : str
        Reduced formula.
    space_group : int or None
        Of the final structure.
    formation_energy_per_atom, energy_above_hull : float
        eV/atom.
    min_frequency_thz : float or None
        Lowest frequency, where phonons were computed, THz.
    dynamically_stable : bool or None
        Where phonons were computed.
    novel : bool
        Whether it is none of the known ones.
    nearest_known, prototype : str or None
        Id of the nearest known one of its formula, and its textbook prototype.
    n_atoms : int
        Atoms in the primitive cell.
    times : int
        Samples that ended in it.
    file, certificate : str
        Its CIF, and what ``druse verify`` computes again.
    """

    rank: int
    formula: str
    space_group: int | None
    formation_energy_per_atom: float
    energy_above_hull: float
    min_frequency_thz: float | None
    dynamically_stable: bool | None
    novel: bool
    nearest_known: str | None
    prototype: str | None
    n_atoms: int
    times: int
    file: str
    certificate: str


class Search(Crystals[Candidate]):
    """The candidates of a search, the best first.

    Attributes
    ----------
    folder : str
        Where structures, certificates, tables and ``report.html`` lie.
    document : dict
        What ``druse find --json`` prints: counts, times, seeds, hashes.
    """

    _of = Candidate

    def __init__(self, records: Sequence[Candidate], folder: str = "", document: dict[str, Any] | None = None) -> None:
        super().__init__(records)
        self.folder = folder
        self.document = document or {}


def find(
    system: str | None = None,
    *,
    formula: str | None = None,
    space_group: int | None = None,
    budget: float | None = None,
    rounds: int | None = None,
    top: int = 20,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    potential: str | os.PathLike[str] | None = None,
    reference: str | os.PathLike[str] | None = None,
    known: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> Search:
    """Search a chemical system for stable compounds: sample, relax, place on the hull, the best through phonons.

    The work is done by ``druse find`` in a separate process, which ends with this one. What is finished is kept in
    the folder: an interrupted search goes on with `resume`.

    Parameters
    ----------
    system : str, optional
        Chemical system, such as ``"Cu-Si-K"``; every candidate holds all of its elements.
    formula : str, optional
        Only this formula.
    space_group : int, optional
        Only this space group.
    budget : float, optional
        Time for everything, s; 600 by default, none with `rounds`.
    rounds : int, optional
        Rounds of 8 samples.
    top : int
        Candidates that are relaxed tightly, go through phonons and are written.
    seed : int
        Seed of the random numbers.
    out : path, optional
        Folder for the results; by default a new one among the temporary files.
    resume : bool
        Go on with the search in the folder.
    checkpoint, potential, reference, known : path, optional
        Other network, potential, phases of the hull; further known structures.
    device : {'cpu', 'wgpu', 'cuda'}
        Where it runs, as far as this build has it.
    progress : bool
        Pass on what the command says on standard error.

    Returns
    -------
    Search
        With ``.structures``, ``.atoms``, ``.to_frame()`` and ``.folder``.

    Raises
    ------
    SearchError
        With the message of the command.
    """
    if system is None and formula is None:
        raise RequestError("give a system, such as 'Cu-Si-K', or a formula")
    if out is None:
        if resume:
            raise RequestError("resume goes on with the search in a folder; name it (out)")
        out = tempfile.mkdtemp(prefix="druse-find-")
    options: dict[str, Any] = {
        "system": system,
        "formula": formula,
        "space-group": space_group,
        "budget": None if budget is None else f"{budget:.3f}s",
        "rounds": rounds,
        "top": top,
        "seed": seed,
        "out": os.fspath(out),
        "checkpoint": checkpoint,
        "potential": potential,
        "reference": reference,
        "known": known,
        "device": device,
    }
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    document = _command(["find", *given, *(["--resume"] if resume else []), "--json"], progress)
    candidates = []
    for row in document["candidates"]:
        lattice, species, frac_coords = _inputs.one(row["file"])
        crystal = {"lattice": lattice, "species": species, "frac_coords": frac_coords}
        candidates.append(Candidate.from_dict(row | crystal))
    return Search(candidates, os.fspath(out), document)


def _command(arguments: list[str], progress: bool) -> dict[str, Any]:
    """The document of a command, which ends when this function does."""
    command = [sys.executable, "-m", "druse", *arguments]
    environment = os.environ | {END_WITH_PARENT: "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            said: list[str] = []
            listener = threading.Thread(target=_listen, args=(process.stderr, said, progress))
            listener.start()
            assert process.stdout is not None
            text = process.stdout.read()
            listener.join()
            status = process.wait()
        finally:
            # After an interrupt; a process that has ended is left alone.
            process.kill()
    if status >= 2 or status < 0:
        errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        raise SearchError(errors[-1] if errors else f"the command ended with status {status}: {' '.join(said[-3:])}")
    return json.loads(text)


def _listen(stream: Any, said: list[str], progress: bool) -> None:
    for line in stream:
        said.append(line.rstrip("\n"))
        if progress:
            sys.stderr.write(line)
