"""Writes grown structures as OPTIMADE JSON, the answer of a server to `/structures`.

Usage: optimade_json.py FORMULA N > structures.json
"""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

from pymatgen.io.optimade import OptimadeStructureAdapter

import druse


def response(grown: Any) -> dict[str, Any]:
    """An OPTIMADE 1.2 response with one entry for each structure; what Druse knows besides has the prefix `_druse_`."""
    data = []
    for one, structure in zip(grown, grown.structures, strict=True):
        entry = OptimadeStructureAdapter.get_optimade_structure(structure)
        attributes = entry["attributes"] if "attributes" in entry else entry
        attributes["last_modified"] = None
        attributes["_druse_space_group"] = one.space_group
        attributes["_druse_wyckoff"] = one.wyckoff
        data.append({"id": one.id, "type": "structures", "attributes": attributes})
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = {
        "api_version": "1.2.0",
        "query": {"representation": "/structures"},
        "more_data_available": False,
        "time_stamp": now,
        "data_returned": len(data),
        "implementation": {"name": "Druse", "version": druse.__version__},
    }
    return {"data": data, "meta": meta}


if __name__ == "__main__":
    structures = druse.load().sample(sys.argv[1], n=int(sys.argv[2]), seed=0, sampler="few-step")
    print(json.dumps(response(structures), indent=1, default=float))
