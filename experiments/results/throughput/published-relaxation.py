"""Relaxation by ASE and the published Nequix package, one structure at a time.

How it counts. The package compiles its model for every padded shape (atoms to the next 8, edges to the next 64), and
that takes far longer than a relaxation. So each structure is relaxed at least twice from the same start:
- `first`: shapes not yet seen by that process are compiled on the way. Several processes share this part, as it is
  bound by the processor; its seconds are those of a machine with so many processes.
- `again`: the same start, calculator reset, so that it goes through the same shapes and compiles nothing; one process
  works, the others wait. If it met a new shape after all (the kernels' sums are not deterministic), it is repeated.
Only relaxations during which nothing was compiled count for structures per second. The calculator is the package's
own with its defaults; its `calculate` is wrapped by a clock, nothing else is changed.
"""
import argparse
import glob
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

START = time.time()
ASE_MODES = "lbfgs-sym,lbfgs-free"
EV_A3_IN_GPA = 160.21766208


# Weights: from safetensors to the package's own file

def read_safetensors(path):
    """Header's metadata and arrays of a safetensors file with f32 and i32 tensors."""
    import numpy as np
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        body = file.read()
    meta = header.pop("__metadata__")
    kinds = {"F32": "<f4", "I32": "<i4"}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return meta, tensors


def write_nqx(weights, path):
    """The package reads one line of JSON, then the model's arrays as consecutive .npy in the order of its tree."""
    import numpy as np
    meta, tensors = read_safetensors(weights)
    given = json.loads(meta["config"])
    channels = given["channels"]
    config = {
        "cutoff": given["cutoff"],
        "atomic_numbers": tensors["atomic_numbers"].tolist(),
        "hidden_irreps": " + ".join(f"{n}x{l}{'eo'[l % 2]}" for l, n in enumerate(channels)),
        "lmax": given["l_max"],
        "n_layers": given["n_layers"],
        "radial_basis_size": given["n_radial"],
        "radial_mlp_size": given["radial_hidden"],
        "radial_mlp_layers": 2,
        "radial_polynomial_p": float(given["cutoff_p"]),
        "mlp_init_scale": 4.0,
        "index_weights": False,
        "layer_norm": True,
        "shift": given["shift"],
        "scale": given["scale"],
        "avg_n_neighbors": given["avg_neighbors"],
    }
    order = ["e0"]
    for layer in range(given["n_layers"]):
        for part in ("radial", "pre", "post", "skip", "norm"):
            order += sorted(name for name in tensors if name.startswith(f"layer{layer}.{part}."))
    order.append("readout")
    assert sorted(order + ["atomic_numbers"]) == sorted(tensors), "tensors unlike those of the model"
    with open(path, "wb") as file:
        file.write((json.dumps(config) + "\n").encode())
        for name in order:
            np.save(file, tensors[name])
    return {"weights": os.path.basename(weights), "origin": meta.get("origin"), "config": config | {
        "atomic_numbers": len(config["atomic_numbers"])}}


# Structures

def read_starts(path):
    """Structures of an extended XYZ file or of a folder of CIF files, without calculator or constraints."""
    import ase.io
    if os.path.isdir(path):
        found = []
        for name in sorted(glob.glob(os.path.join(path, "*.cif"))):
            atoms = ase.io.read(name)
            atoms.info["id"] = os.path.splitext(os.path.basename(name))[0]
            found.append(atoms)
    else:
        found = ase.io.read(path, ":", format="extxyz")
    for index, atoms in enumerate(found):
        atoms.calc = None
        atoms.set_constraint()
        atoms.pbc = True
        atoms.info["id"] = str(atoms.info.get("id", index))
    return found


# A worker: one process with one calculator

class Worker:
    def __init__(self, options):
        self.options = options
        self.file = open(os.path.join(options.scratch, f"w{options.worker}.jsonl"), "a")
        self.compiled, self.compile_s = 0, 0.0
        self.calls, self.calculator_s, self.shapes = 0, 0.0, set()

    def say(self, **line):
        self.file.write(json.dumps(dict(worker=self.options.worker, at=round(time.time() - self.options.zero, 3))
                                   | line, default=float) + "\n")
        self.file.flush()

    def load(self):
        t = time.time()
        import jax
        import ase.filters
        import ase.optimize
        from ase.constraints import FixSymmetry
        from nequix.calculator import NequixCalculator
        self.ase, self.fix_symmetry = ase, FixSymmetry
        imports = time.time() - t

        def heard(event, seconds, **_):
            if event.endswith("backend_compile_duration"):
                self.compiled += 1
            if event.endswith(("backend_compile_duration", "jaxpr_to_mlir_module_duration", "jaxpr_trace_duration")):
                self.compile_s += seconds

        jax.monitoring.register_event_duration_secs_listener(heard)
        self.backend = jax.default_backend()
        t = time.time()
        if self.options.kernel:
            self.calculator = NequixCalculator(model_path=self.options.nqx)
        else:
            self.calculator = NequixCalculator(model_path=self.options.nqx, use_kernel=False)
        plain = self.calculator.calculate

        def timed(*a, **k):
            t = time.perf_counter()
            plain(*a, **k)
            self.calculator_s += time.perf_counter() - t
            self.calls += 1
            self.shapes.add((int(len(self.calculator.atoms) + 8) // 8 * 8, int(self.calculator._capacity)))

        self.calculator.calculate = timed
        layers = self.calculator.model.layers
        self.say(kind="loaded", imports_s=imports, model_s=time.time() - t, backend=self.backend,
                 device=str(jax.devices()[0].device_kind), kernel=all(layer.tp_conv is not None for layer in layers),
                 matmul_precision=str(jax.config.jax_default_matmul_precision))

    def golden(self):
        """Energies and forces of known structures, so that speed is that of the right model."""
        import ase
        import numpy as np
        for line in open(self.options.golden).read().splitlines()[:self.options.golden_count]:
            known = json.loads(line)
            atoms = ase.Atoms(known["numbers"], positions=known["positions"], cell=known["cell"], pbc=True)
            t = time.time()
            self.calculator.reset()
            atoms.calc = self.calculator
            energy = atoms.get_potential_energy()
            self.say(kind="golden", id=known["id"], geometry=known["geometry"], atoms=len(atoms), energy=energy,
                     energy_error=energy - known["energy"], seconds=time.time() - t,
                     forces_error=float(np.abs(atoms.get_forces() - np.array(known["forces"])).max()))

    def relax(self, index, mode, kind, deadline):
        """One relaxation; returns its record."""
        import numpy as np
        name, group = mode.split("-")
        optimizer = {"lbfgs": self.ase.optimize.LBFGS, "fire": self.ase.optimize.FIRE,
                     "bfgs": self.ase.optimize.BFGS}[name]
        atoms = self.starts[index].copy()
        self.calculator.reset()
        self.compiled, self.compile_s, self.calls, self.calculator_s = 0, 0.0, 0, 0.0
        self.shapes = set()
        record = dict(kind=kind, mode=mode, index=index, id=self.starts[index].info["id"],
                      formula=atoms.get_chemical_formula(), atoms=len(atoms), converged=False, cut=False)
        steps = 0
        t = time.perf_counter()
        try:
            atoms.calc = self.calculator
            if group == "sym":
                atoms.set_constraint(self.fix_symmetry(atoms, symprec=self.options.symprec))
            run = optimizer(self.ase.filters.FrechetCellFilter(atoms), logfile=None)
            for converged in run.irun(fmax=self.options.fmax, steps=self.options.steps):
                record["converged"] = bool(converged)
                steps = run.nsteps
                if not np.isfinite(self.calculator.results["energy"]):
                    raise ValueError("energy not finite")
                if not converged and time.time() > deadline:
                    record["cut"] = True
                    break
            record["seconds"] = time.perf_counter() - t
            results = self.calculator.results
            record |= dict(energy_per_atom=float(results["energy"]) / len(atoms),
                           fmax=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
                           stress_gpa=float(np.abs(atoms.get_stress()).max() * EV_A3_IN_GPA),
                           volume_per_atom=float(atoms.get_volume() / len(atoms)))
        except Exception as error:
            record["seconds"] = time.perf_counter() - t
            record["error"] = f"{type(error).__name__}: {error}"[:300]
        return record | dict(steps=steps, calls=self.calls, calculator_s=self.calculator_s, compiled=self.compiled,
                             compile_s=self.compile_s, shapes=sorted(self.shapes))

    def start_shapes(self):
        """The padded shape that each structure starts with, as the calculator pads it."""
        import math
        from nequix.data import preprocess_graph
        shapes = []
        for atoms in self.starts:
            graph = preprocess_graph(atoms, self.calculator.atom_indices, self.calculator.cutoff, False)
            edges = math.ceil(int(graph["n_edge"][0]) * self.calculator._capacity_multiplier)
            shapes.append(((len(atoms) + 8) // 8 * 8, (edges + 63) // 64 * 64))
        return shapes

    def first_to(self, name):
        try:
            os.close(os.open(os.path.join(self.options.scratch, name), os.O_CREAT | os.O_EXCL))
            return True
        except FileExistsError:
            return False

    def claim(self):
        """The next structure that no process has taken: of a shape compiled here, else of one that nobody has begun."""
        free = [i for i in range(len(self.starts)) if not os.path.exists(f"{self.options.scratch}/claim{i}")]
        known = [i for i in free if self.start_shape[i] in self.known]
        rest = [i for i in free if self.start_shape[i] not in self.known]
        fresh = [i for i in rest if not os.path.exists(f"{self.options.scratch}/shape{self.start_shape[i]}")]
        for index in known:
            if self.first_to(f"claim{index}"):
                return index
        for index in fresh:
            if self.first_to(f"shape{self.start_shape[index]}") and self.first_to(f"claim{index}"):
                return index
        for index in rest:
            if self.first_to(f"claim{index}"):
                return index
        return None

    def wait(self, name):
        while not os.path.exists(os.path.join(self.options.scratch, name)):
            if os.getppid() == 1:
                sys.exit(1)
            time.sleep(0.02)

    def work(self):
        options = self.options
        self.load()
        if options.golden and options.worker == 0:
            self.golden()
        self.starts = read_starts(options.starts)[:options.count]
        self.start_shape = self.start_shapes()
        self.known = set()
        if options.worker == 0:
            self.say(kind="starts", structures=len(self.starts), atoms=sum(map(len, self.starts)),
                     padded_edges=sum(edges for _, edges in self.start_shape), shapes=len(set(self.start_shape)))
        modes = options.modes.split(",")
        mine = []
        while time.time() < options.zero + options.phase_one:
            index = self.claim()
            if index is None:
                break
            self.say(kind="begun", index=index)
            record = self.relax(index, modes[0], "first", options.zero + options.phase_one + patience(options) - 2)
            self.say(**record)
            self.known |= {tuple(shape) for shape in record["shapes"]}
            if not record["cut"]:
                mine.append(index)
        self.say(kind="ready")
        end = options.zero + options.limit - 2
        for round_, mode in enumerate(modes):
            self.wait(f"turn{options.worker}.{round_}")
            for index in mine:
                for _ in range(1 + options.repeats):
                    if time.time() > end:
                        break
                    record = self.relax(index, mode, "again", end)
                    self.say(**record)
                    if record["compiled"] == 0:
                        break
            self.say(kind="done", round=round_)


# The process that starts the workers and collects what they say

class Lead:
    def __init__(self, options):
        self.options = options
        self.lines, self.offsets, self.notes = [], {}, []
        self.processes = []
        os.environ["OEQ_NOTORCH"] = "1"
        # ASE's matrices are 3 x 3: more threads only slow them down.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # The package needs little of the card's memory; the processes share it.
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{min(0.75, 0.8 / options.workers):.3f}")

    def spawn(self):
        options = self.options
        for worker in range(options.workers):
            command = [sys.executable, os.path.abspath(__file__), "--worker", str(worker), "--zero", str(options.zero)]
            for name in ("starts", "scratch", "nqx", "golden", "golden_count", "modes", "fmax", "steps", "symprec",
                         "limit", "phase_one", "count", "repeats"):
                command += ["--" + name.replace("_", "-"), str(getattr(options, name))]
            if not options.kernel:
                command.append("--no-kernel")
            log = open(os.path.join(options.scratch, f"w{worker}.log"), "a")
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def read(self):
        for worker in range(self.options.workers):
            path = os.path.join(self.options.scratch, f"w{worker}.jsonl")
            if not os.path.exists(path):
                continue
            with open(path) as file:
                file.seek(self.offsets.get(path, 0))
                while line := file.readline():
                    if not line.endswith("\n"):
                        break
                    self.offsets[path] = file.tell()
                    self.lines.append(json.loads(line))
                    self.show(self.lines[-1])

    def show(self, line):
        if line["kind"] in ("first", "again", "golden", "loaded"):
            keys = ("at", "worker", "kind", "mode", "id", "atoms", "steps", "seconds", "compiled", "compile_s",
                    "energy_per_atom", "energy_error", "converged", "cut", "error", "kernel", "backend")
            print(" ".join(f"{k}={line[k]:.6g}" if isinstance(line[k], float) else f"{k}={line[k]}"
                           for k in keys if k in line), flush=True)

    def said(self, worker, **what):
        return any(line["worker"] == worker and all(line.get(k) == v for k, v in what.items()) for line in self.lines)

    def tail(self, worker):
        try:
            return open(os.path.join(self.options.scratch, f"w{worker}.log")).read()[-1500:]
        except OSError:
            return ""

    def left(self):
        return self.options.zero + self.options.limit - time.time()

    def alive(self, worker):
        return self.processes[worker].poll() is None

    def step(self, seconds=0.3):
        self.read()
        self.write()
        time.sleep(seconds)

    def write(self):
        found = self.result()
        temporary = self.options.out + ".tmp"
        with open(temporary, "w") as file:
            json.dump(found, file, indent=1)
        os.replace(temporary, self.options.out)

    def result(self):
        records = [line for line in self.lines if line["kind"] in ("first", "again")]
        summary = {}
        for mode in self.options.modes.split(","):
            first = [r for r in records if r["mode"] == mode and r["kind"] == "first" and not r["cut"]]
            again = [r for r in records if r["mode"] == mode and r["kind"] == "again" and not r["cut"]]
            warm = list({r["index"]: r for r in again if r["compiled"] == 0}.values())
            summary[mode] = dict(without_compilation=sums(warm), with_compilation=sums(first) if first else None,
                                 again_but_compiled=sum(1 for r in again if r["compiled"]))
        ended = {line["index"] for line in records if not line["cut"]}
        return dict(
            what="ASE and the published Nequix package, one structure at a time, the package's own calculator with its "
                 "defaults; 'without_compilation' repeats each relaxation from the same start in a process that has "
                 "compiled its shapes, one process at work",
            kernel=self.options.kernel and all(line["kernel"] for line in self.lines if line["kind"] == "loaded"),
            notes=self.notes,
            settings=dict(modes=self.options.modes, fmax=self.options.fmax, max_steps=self.options.steps,
                          symprec=self.options.symprec, cell="FrechetCellFilter", workers=self.options.workers,
                          limit_s=self.options.limit, phase_one_s=self.options.phase_one,
                          starts=os.path.basename(self.options.starts)),
            environment=self.environment,
            model=self.model,
            wall_s=round(time.time() - self.options.zero, 1),
            begun_but_not_ended=sorted({line["index"] for line in self.lines if line["kind"] == "begun"} - ended),
            summary=summary,
            starts=[line for line in self.lines if line["kind"] == "starts"],
            golden=[line for line in self.lines if line["kind"] == "golden"],
            loaded=[line for line in self.lines if line["kind"] == "loaded"],
            records=records)

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
        self.processes = []

    def first_part(self):
        """Until all structures are relaxed once or the first part's time is over."""
        options = self.options
        self.spawn()
        while time.time() < options.zero + options.phase_one:
            self.step()
            dead = not any(self.alive(w) for w in range(options.workers))
            if dead and options.kernel and not any(line["kind"] == "first" for line in self.lines):
                self.notes.append("with kernels all workers ended early, going on without: " + self.tail(0))
                self.stop()
                options.kernel = False
                for name in os.listdir(options.scratch):
                    if name.startswith(("w", "claim", "shape")):
                        os.remove(os.path.join(options.scratch, name))
                self.lines, self.offsets = [], {}
                self.spawn()
                continue
            if all(not self.alive(w) or self.said(w, kind="ready") for w in range(options.workers)):
                return

    def run(self):
        options = self.options
        self.first_part()
        # Whoever is still compiling gets a little time, then is halted so that it does not disturb the others.
        halt = time.time() + patience(options)
        workers = range(options.workers)
        while time.time() < halt and any(self.alive(w) and not self.said(w, kind="ready") for w in workers):
            self.step()
        halted = [w for w in workers if self.alive(w) and not self.said(w, kind="ready")]
        for worker in halted:
            self.processes[worker].send_signal(signal.SIGSTOP)
        if halted:
            self.notes.append(f"workers {halted} were still compiling at the end of the first part")
        rounds = range(len(options.modes.split(",")))
        for round_ in rounds:
            for worker in workers:
                if worker not in halted:
                    self.turn(worker, round_)
        for worker in halted:
            if self.left() > 10:
                self.processes[worker].send_signal(signal.SIGCONT)
                while self.left() > 2 and self.alive(worker) and not self.said(worker, kind="ready"):
                    self.step()
                for round_ in rounds:
                    self.turn(worker, round_)
        for worker in workers:
            if not self.alive(worker) and self.processes[worker].returncode:
                self.notes.append(f"worker {worker} ended with {self.processes[worker].returncode}: "
                                  + self.tail(worker))
        self.stop()
        self.read()
        self.write()
        found = self.result()
        print(json.dumps(dict(kernel=found["kernel"], summary=found["summary"], notes=self.notes), indent=1))

    def turn(self, worker, round_):
        open(os.path.join(self.options.scratch, f"turn{worker}.{round_}"), "w").close()
        while self.alive(worker) and self.left() > 0 and not self.said(worker, kind="done", round=round_):
            self.step()


def patience(options):
    """Seconds beyond the first part in which a relaxation under way may end."""
    return min(20, 0.1 * options.limit)


def sums(records):
    """Totals over relaxations; those that failed or did not converge take their time, too."""
    if not records:
        return None
    seconds = sum(r["seconds"] for r in records)
    steps = sum(r["steps"] for r in records)
    calls = sum(r["calls"] for r in records)
    converged = [r for r in records if r["converged"] and "error" not in r]
    ordered = sorted(r["seconds"] for r in records)
    return dict(structures=len(records), converged=len(converged), failed=sum(1 for r in records if "error" in r),
                atoms=sum(r["atoms"] for r in records), steps=steps, calls=calls, seconds=seconds,
                seconds_median=ordered[len(ordered) // 2], seconds_largest=ordered[-1],
                structures_per_s=len(records) / seconds, converged_per_s=len(converged) / seconds,
                steps_per_structure=steps / len(records), ms_per_call=1e3 * seconds / max(calls, 1),
                share_in_calculator=sum(r["calculator_s"] for r in records) / seconds,
                compile_s=sum(r["compile_s"] for r in records), compiled=sum(r["compiled"] for r in records),
                shapes=len({tuple(s) for r in records for s in r["shapes"]}))


def environment():
    versions = {}
    for name in ("nequix", "ase", "jax", "jaxlib", "jax-cuda13-plugin", "equinox", "e3nn-jax", "jraph", "matscipy",
                 "spglib", "numpy", "scipy", "openequivariance", "openequivariance_extjax"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    card = subprocess.run("nvidia-smi --query-gpu=name,driver_version --format=csv,noheader", shell=True,
                          capture_output=True, text=True).stdout.strip() or None
    return dict(card=card, python=platform.python_version(), cores=os.cpu_count(), versions=versions,
                flags={k: v for k, v in os.environ.items() if k.startswith(("XLA_", "JAX_", "OMP_", "OPENBLAS_"))})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", required=True, help="extended XYZ file, or folder of CIF files")
    parser.add_argument("--weights", help="safetensors file of the potential")
    parser.add_argument("--out", default="ase-anchor.json")
    parser.add_argument("--limit", type=float, default=200, help="seconds from the start to the end")
    parser.add_argument("--first", type=float, default=0.7, help="share of the limit for the first part")
    parser.add_argument("--workers", type=int, default=1, help="processes in the first part")
    parser.add_argument("--modes", default=ASE_MODES, help="lbfgs, fire or bfgs, then -sym (FixSymmetry) or -free; "
                        "the first is used throughout, the others only in repetitions")
    parser.add_argument("--fmax", type=float, default=0.02)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--symprec", type=float, default=0.01)
    parser.add_argument("--count", type=int, default=10**6, help="at most so many structures")
    parser.add_argument("--repeats", type=int, default=2, help="further tries when a repetition compiled something")
    parser.add_argument("--golden", default="", help="JSON lines: numbers, positions, cell, energy, forces")
    parser.add_argument("--golden-count", type=int, default=1)
    parser.add_argument("--no-kernel", dest="kernel", action="store_false")
    parser.add_argument("--note", action="append", default=[], help="goes into the result")
    parser.add_argument("--scratch", default="", help=argparse.SUPPRESS)
    parser.add_argument("--nqx", default="", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--zero", type=float, default=START, help=argparse.SUPPRESS)
    parser.add_argument("--phase-one", type=float, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker >= 0:
        Worker(options).work()
        return
    options.scratch = tempfile.mkdtemp(prefix="relax-")
    options.nqx = os.path.join(options.scratch, "model.nqx")
    options.phase_one = options.first * options.limit
    lead = Lead(options)
    lead.notes += options.note
    lead.model = write_nqx(options.weights, options.nqx)
    lead.environment = environment()
    try:
        lead.run()
    finally:
        lead.stop()
        shutil.rmtree(options.scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
