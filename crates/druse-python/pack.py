"""Packs a wheel from a library that cargo has built, with the metadata of pyproject.toml.

maturin builds a wheel from nothing, and is what releases use. It builds this one package, though, with the features
that this one alone asks for, so that a machine that has built the workspace would build the tensor library again.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import pathlib
import sysconfig
import tomllib
import zipfile

HERE = pathlib.Path(__file__).parent
PYTHON = "cp310-abi3"


def metadata(project: dict, version: str) -> str:
    """The core metadata."""
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}"]
    lines += [f"Summary: {project['description']}", f"Keywords: {','.join(project['keywords'])}"]
    lines += [f"Classifier: {classifier}" for classifier in project["classifiers"]]
    lines += [f"Requires-Python: {project['requires-python']}", f"License-Expression: {project['license']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {requirement}; extra == "{extra}"' for requirement in requirements]
    lines += ["Description-Content-Type: text/markdown", "", (HERE / project["readme"]).read_text()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=pathlib.Path, help="libdruse_python.so of a target folder")
    parser.add_argument("folder", type=pathlib.Path, help="where the wheel is written")
    arguments = parser.parse_args()
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    version = tomllib.loads((HERE / "../../Cargo.toml").read_text())["workspace"]["package"]["version"]
    tag = f"{PYTHON}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    info = f"{project['name']}-{version}.dist-info"
    scripts = "".join(f"{name} = {entry}\n" for name, entry in project["scripts"].items())
    files = {path.relative_to(HERE / "python"): path.read_bytes() for path in (HERE / "python").rglob("*")
             if path.is_file() and path.suffix in {".py", ".pyi", ".typed"}}
    files = {str(name): content for name, content in files.items()}
    files["druse/_druse.abi3.so"] = arguments.library.read_bytes()
    files[f"{info}/METADATA"] = metadata(project, version).encode()
    wheel_lines = ["Wheel-Version: 1.0", "Generator: druse pack.py", "Root-Is-Purelib: false", f"Tag: {tag}", ""]
    files[f"{info}/WHEEL"] = "\n".join(wheel_lines).encode()
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = ""
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    wheel = arguments.folder / f"{project['name']}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    print(wheel)


if __name__ == "__main__":
    main()
