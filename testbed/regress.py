"""Fetches the SQL scripts of PostgreSQL's regression suite, as they come with a parser's source
distribution on PyPI.

    regress.py DIRECTORY
"""

import hashlib
import io
import pathlib
import sys
import tarfile
import urllib.request

SOURCE = (
    "https://files.pythonhosted.org/packages/62/b2/"
    "fa8b837b58f352e5941ea7a8160121d32bad978a55538232d7890b8aaad5/pglast-8.8.tar.gz"
)
SHA256 = "ff9998ec6bac4f30f84db6b6edb28a0fb03b1eda5c8ad211ab8362f5a08b833b"
WITHIN = "/libpg_query/test/sql/postgres_regress/"

with urllib.request.urlopen(SOURCE, timeout=60) as answer:
    archive = answer.read()
if hashlib.sha256(archive).hexdigest() != SHA256:
    sys.exit(f"{SOURCE} is not what it was")
directory = pathlib.Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
with tarfile.open(fileobj=io.BytesIO(archive)) as files:
    for member in files:
        if member.isfile() and WITHIN in member.name and member.name.endswith(".sql"):
            name = pathlib.PurePosixPath(member.name).name
            (directory / name).write_bytes(files.extractfile(member).read())
