"""Fetches the test suites that drivers ship in their source distributions: the tests alone, since
what is tested is the driver as it is installed.

    fetch.py DIRECTORY
"""

import hashlib
import io
import pathlib
import sys
import tarfile
import urllib.request

PYPI = "https://files.pythonhosted.org/packages/"
CRATES = "https://static.crates.io/crates/"

# The name here, where it comes from, its SHA-256, and what is taken of it.
SUITES = [
    (
        "asyncpg",
        PYPI + "80/4e/59dc964f962f09e3ed472e5d2d3ba670a41a2be25080dc62ab3db507ff5e/asyncpg-0.32.0.tar.gz",
        "45e64e56714d888330b884aad1dfb363d0bf43fb343e3d1a8968525f3bade478",
        ["tests/"],
    ),
    (
        "sqlalchemy",
        PYPI + "3f/69/b87a540f6888ebc1f63a6e6138e8dc0827331a9be7c5eb15e3bd40a76281/sqlalchemy-2.1.9.tar.gz",
        "d700a8b2edfb26282a470333d6bc4a454c4acda4d201a3bea7b72fa76c217d28",
        ["test/", "lib/", "setup.cfg", "pyproject.toml"],
    ),
    (
        "tokio-postgres",
        CRATES + "tokio-postgres/tokio-postgres-0.7.18.crate",
        "a528f7d280f6d5b9cd149635c8705b0dd049754bc67d81d31fa25169a93809d3",
        ["src/", "tests/", "benches/", "Cargo.toml", "Cargo.lock", "README.md"],
    ),
]


def fetch(url, sha256):
    with urllib.request.urlopen(url, timeout=60) as answer:
        archive = answer.read()
    if hashlib.sha256(archive).hexdigest() != sha256:
        sys.exit(f"{url} is not what it was")
    return archive


def take(archive, wanted, directory):
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            # The first part is the name of the package with its version.
            path = pathlib.PurePosixPath(*pathlib.PurePosixPath(member.name).parts[1:])
            if not member.isfile() or ".." in path.parts:
                continue
            if not any(str(path) == name or str(path).startswith(name) for name in wanted):
                continue
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files.extractfile(member).read())


root = pathlib.Path(sys.argv[1])
for name, url, sha256, wanted in SUITES:
    take(fetch(url, sha256), wanted, root / name)

# A package by itself, though it lies within another workspace.
with open(root / "tokio-postgres" / "Cargo.toml", "a", encoding="utf-8") as manifest:
    manifest.write("\n[workspace]\n")
