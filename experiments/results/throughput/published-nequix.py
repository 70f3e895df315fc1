"""The published package on this card: energy, forces, stress of MP-20 test crystals.

The weights are random: the time does not depend on them. Arguments: test.csv.zst, numbers of crystals, OUT.json.
"""
import csv, io, os, subprocess, sys, time, json, statistics
os.environ["OEQ_NOTORCH"] = "1"
t00 = time.time()
import numpy as np, pyarrow as pa, ase, jax, jraph
import equinox as eqx
from nequix.model import Nequix
from nequix.data import preprocess_graph, dict_to_graphstuple, atomic_numbers_to_indices
print("imports", round(time.time() - t00, 1), flush=True)
text = pa.CompressedInputStream(pa.OSFile(sys.argv[1]), "zstd").read().decode()
rows = list(csv.DictReader(io.StringIO(text)))
numbers = [n for n in range(1, 90)]
index = atomic_numbers_to_indices(numbers)
crystals = []
for row in rows:
    cell = np.array(row["lattice"].split(), float).reshape(3, 3)
    positions = np.array(row["frac_coords"].split(), float).reshape(-1, 3)
    atoms = ase.Atoms(row["species"].split(), scaled_positions=positions, cell=cell, pbc=True)
    if all(z < 90 for z in atoms.numbers): crystals.append(atoms)
    if len(crystals) == 1600: break
model = Nequix(jax.random.key(0), 89, lmax=3, cutoff=6.0, hidden_irreps="128x0e + 64x1o + 32x2e + 32x3o", n_layers=4,
    radial_basis_size=8, radial_mlp_size=64, radial_mlp_layers=2, radial_polynomial_p=6, mlp_init_scale=4.0,
    index_weights=False, shift=0.0, scale=1.0, avg_n_neighbors=39.2, layer_norm=True, kernel=True)
def batch(n):
    t = time.time()
    graphs = [dict_to_graphstuple(preprocess_graph(a, index, 6.0, False)) for a in crystals[:n]]
    g = jraph.batch_np(graphs)
    host = time.time() - t
    edges, nodes = int(g.n_edge.sum()), int(g.n_node.sum())
    g = jraph.pad_with_graphs(g, n_node=(nodes // 64 + 1) * 64, n_edge=(edges // 1024 + 1) * 1024, n_graph=n + 1)
    return g, nodes, edges, host
out = []
for n in [int(x) for x in sys.argv[2].split(",")]:
    g, nodes, edges, host = batch(n)
    g = jax.device_put(g)
    call = eqx.filter_jit(model)
    t = time.time(); jax.block_until_ready(call(g)); first = time.time() - t
    jax.block_until_ready(call(g))
    times = []
    for _ in range(10):
        t = time.time(); jax.block_until_ready(call(g)); times.append(time.time() - t)
    m = statistics.median(times)
    line = dict(crystals=n, atoms=nodes, edges=edges, ms=1e3 * m, low=1e3 * min(times), high=1e3 * max(times),
        atoms_per_s=nodes / m, first_s=first, graphs_on_host_s=host)
    print(json.dumps(line), flush=True); out.append(line)
card = subprocess.getoutput("nvidia-smi --query-gpu=name,driver_version --format=csv,noheader")
found = dict(card=card, jax=jax.__version__, nequix="0.4.5", figures=out)
json.dump(found, open(sys.argv[3], "w"), indent=1)
