"""Where parts lie in an installed version, so that the program finds them by itself. Builder and installer share this.

A version's folder is its Python environment (``sys.prefix``)::

    bin/            python, sekisho, opa, redis-server
    lib/            the wheels, installed
    share/sekisho/  detectors/  store/sha256/<hex> (weights)  models/ (manifests)  policies/  docs/  units/  papers/

Wheels (kinds ``program``, ``wheel``, ``engine`` with a name ending in ``.whl``) have the place ``wheels/<file name>``:
they are installed, not laid there.
"""

from __future__ import annotations

SHARE = "share/sekisho"
WHEELS = "wheels"
OPA = "bin/opa"
REDIS = "bin/redis-server"
DETECTORS = f"{SHARE}/detectors"
STORE = f"{SHARE}/store/sha256"
MANIFESTS = f"{SHARE}/models"
POLICIES = f"{SHARE}/policies"
DOCS = f"{SHARE}/docs"
UNITS = f"{SHARE}/units"
PAPERS = f"{SHARE}/papers"

#: The distributions that run before anything is installed: TUF, what it needs, and the installer itself.
STAGE_TWO = ("sekisho", "tuf", "securesystemslib", "urllib3", "cryptography", "cffi", "pycparser", "msgspec")
