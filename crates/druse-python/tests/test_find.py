"""The search."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import time

import pytest

import druse
from druse import errors


def test_a_search_finds_rock_salt(tmp_path: pathlib.Path) -> None:
    found = druse.find(formula="NaCl", space_group=225, rounds=1, top=1, out=tmp_path / "salt")
    best = found[0]
    assert (best.rank, best.formula, best.space_group) == (1, "NaCl", 225)
    assert abs(best.energy_above_hull) < 0.01 and best.dynamically_stable
    assert druse.symmetry(found.structures[0]).number == 225
    assert pathlib.Path(found.folder, "report.html").exists() and pathlib.Path(best.certificate).exists()
    assert found.document["counts"]["sampled"] > 0
    assert list(found.to_frame()["formula"]) == ["NaCl"]


def test_what_cannot_be_searched(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.RequestError, match="system"):
        druse.find()
    with pytest.raises(errors.SearchError, match="Xx"):
        druse.find("Na-Xx", out=tmp_path)


def test_a_search_ends_with_the_one_who_asked(tmp_path: pathlib.Path) -> None:
    code = f"import druse; druse.find('Cu-Si-K', budget=600, out={str(tmp_path / 'found')!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as asking:
        journal = tmp_path / "found"
        until = time.monotonic() + 60
        while not journal.exists() and time.monotonic() < until:
            time.sleep(0.1)
        children = pathlib.Path(f"/proc/{asking.pid}/task/{asking.pid}/children").read_text().split()
        assert len(children) == 1
        # As a notebook's kernel that is shut down: nothing of Python runs any more.
        asking.send_signal(signal.SIGKILL)
        asking.wait()
    until = time.monotonic() + 30
    while pathlib.Path(f"/proc/{children[0]}/cmdline").exists() and time.monotonic() < until:
        if not pathlib.Path(f"/proc/{children[0]}/cmdline").read_text():
            break
        time.sleep(0.1)
    else:
        assert not pathlib.Path(f"/proc/{children[0]}").exists(), "the search goes on"
