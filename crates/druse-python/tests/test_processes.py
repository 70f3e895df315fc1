"""Interrupts, threads, forks, and the command."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from jupyter_client.manager import KernelManager
from pymatgen.core import Structure

import druse
from druse import errors

# A hundred structures by the paper's sampler take minutes.
ENDLESS = "druse.load().sample('SrTiO3', n=100)"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a separate interpreter, and does not wait for ever."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)


def test_an_interrupt_ends_sampling(model: druse.Model) -> None:
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.sample("SrTiO3", n=100)
    assert time.monotonic() - start < 30
    # And what comes after works.
    assert len(model.sample("NaCl", space_group=225, sampler="few-step", evaluations=4)) == 1


def test_an_interrupt_ends_a_relaxation(rock_salt: Structure) -> None:
    rock_salt.perturb(0.1)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        druse.relax([rock_salt] * 20, fmax=1e-9, smax=1e-9, free=True, steps=100000)


def test_an_exception_of_the_callback_ends_the_work(model: druse.Model) -> None:
    def refuse(done: float, total: float) -> None:
        raise LookupError(f"{done} of {total}")

    with pytest.raises(LookupError, match="of 100"):
        model.sample("SrTiO3", n=100, progress=refuse)


def test_the_lock_is_released(model: druse.Model) -> None:
    counted = 0
    work = threading.Thread(target=model.sample, args=("NaCl",), kwargs={"sampler": "few-step", "n": 4})
    work.start()
    while work.is_alive():
        counted += 1
        time.sleep(0.001)
    # With the lock held there would be next to none.
    assert counted > 20


@pytest.mark.parametrize("killed", [False, True])
def test_a_closed_notebook_leaves_nothing(killed: bool) -> None:
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute(f"import os, druse; print(os.getpid(), flush=True); {ENDLESS}")
    text = None
    while text is None:
        text = client.get_iopub_msg(timeout=60)["content"].get("text")
    kernel = psutil.Process(int(text))
    # It says nothing more, neither a result nor an error: it samples.
    with pytest.raises(queue.Empty):
        client.get_iopub_msg(timeout=3)
    start = time.monotonic()
    if killed:
        kernel.kill()
    else:
        manager.shutdown_kernel()
    client.stop_channels()
    gone, _ = psutil.wait_procs([kernel], timeout=30)
    manager.cleanup_resources()
    assert gone and time.monotonic() - start < 30


def test_one_thread_is_enough() -> None:
    code = (
        "import druse; r = druse.load().sample('NaCl', space_group=225, sampler='few-step', evaluations=4);"
        "print(druse.relax(r)[0].space_group, druse.fingerprint(r).shape)"
    )
    done = python(code, RAYON_NUM_THREADS="1")
    assert done.stdout.split(maxsplit=1) == ["225", "(1, 61)\n"], done.stderr


def test_a_fork_is_told_not_to_wait() -> None:
    code = """
import os, druse
salt = {"lattice": [[2, 0, 0], [0, 2, 0], [0, 0, 2]], "species": ["Po"], "frac_coords": [[0, 0, 0]]}
druse.symmetry(salt)
if os.fork() == 0:
    try:
        druse.symmetry(salt)
    except druse.DruseError as error:
        os._exit(7 if "spawn" in str(error) else 1)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert python(code).stdout == "7\n"


def test_other_packages_are_needed_when_asked_for() -> None:
    code = f"""
import sys
for name in ("pymatgen", "ase", "pandas"):
    sys.modules[name] = None
import druse
r = druse.load().sample("NaCl", space_group=225, sampler="few-step", evaluations=4)
assert druse.symmetry(r)[0].number == 225
try:
    r.structures
except ImportError:
    print("as expected")
"""
    done = python(code)
    assert done.stdout == "as expected\n", done.stderr


def test_the_command_comes_with_the_package() -> None:
    command = os.path.join(os.path.dirname(sys.executable), "druse")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"druse {druse.__version__}\n"
    done = subprocess.run([command, "symmetry", "missing.cif"], capture_output=True, text=True)
    assert done.returncode == 2
    with pytest.raises(errors.FileError) as caught:
        druse.symmetry("missing.cif")
    assert done.stderr == f"error: missing.cif: {caught.value}\n" or done.stderr == f"error: {caught.value}\n"


def test_an_interrupt_ends_the_command(tmp_path: os.PathLike[str]) -> None:
    command = [sys.executable, "-m", "druse", "sample", "--formula", "SrTiO3", "--count", "100", "--out", tmp_path]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == -signal.SIGINT
