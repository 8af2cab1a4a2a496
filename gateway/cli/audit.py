"""``sekisho audit``: read, verify and export the log. Works beside a running server and long after it."""

from __future__ import annotations

from gateway.cli import (
    audit_anchor,
    audit_export,
    audit_index,
    audit_recover,
    audit_report,
    audit_retention,
    audit_search,
    audit_status,
    audit_subject,
    audit_templates,
    audit_verify,
    audit_witness,
)
from gateway.cli.session import command, group

app = group("audit", "Verify, export and search the audit log.")

command(app, "verify", examples=audit_verify.EXAMPLES)(audit_verify.verify)
command(app, "export", examples=audit_export.EXAMPLES)(audit_export.export)
command(app, "status", examples=audit_status.EXAMPLES)(audit_status.status)
command(app, "anchor", examples=audit_anchor.EXAMPLES)(audit_anchor.anchor)
app.add_typer(audit_witness.app)
audit_subject.register(app)
audit_retention.register(app)
audit_recover.register(app)
audit_search.register(app)
audit_report.register(app)
audit_templates.register(app)
app.add_typer(audit_index.app)
