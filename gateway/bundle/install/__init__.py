"""From an unpacked bundle to a version that runs: verify, fit, store, stage, set up, try, switch.

Stage two of ``install.sh`` runs :mod:`gateway.installing` from wheels alone; ``sekisho bundle update`` calls
the same steps from the version that runs. So nothing here imports more than the standard library and
``places.STAGE_TWO``.
"""
