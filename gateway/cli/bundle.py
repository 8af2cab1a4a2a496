"""``sekisho bundle``: what is carried into a site that has no network, and how it is believed.

On the maker's side: ``keys``, ``build``. On the site: ``verify``, ``update``, ``rollback``, ``status``, ``diff``. For
who mirrors bundles over HTTP: ``client``.
"""

from __future__ import annotations

from gateway.cli.session import group

app = group("bundle", "Build, verify, install and update what an offline site runs.")
