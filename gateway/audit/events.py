"""Types of administrative records, each with what it says. :meth:`gateway.audit.book.LogBook.event` writes no other.

``….failed`` follows a record whose change could then not be carried out; ``….refused`` one that the operator was
told no to. Both have the details of what they follow.
"""

from __future__ import annotations

EVENTS = {
    "admin.anchor_back": "a place that keeps heads can be reached again",
    "admin.anchor_conflict": "a place that keeps heads has seen another log under this name",
    "admin.anchor_lost": "a place that keeps heads cannot be reached",
    "admin.clock_went_back": "the wall clock is behind what it said before",
    "admin.content_read": "a privacy officer looked at a kept prompt or answer: which, and why",
    "admin.exported": "records were exported: which, by whom, and the digest of the manifest",
    "admin.forbidden": "a key tried what none of its roles may: which action, and its roles",
    "admin.hold_cleared": "a legal hold ended: records of the log may be pruned again",
    "admin.hold_set": "a legal hold: no record of the log may be pruned, and why",
    "admin.pruned": "the beginning of a log was cut off: up to which record and time, by whom",
    "admin.person_search_requested": "a search for one person was asked for: by whom, and why",
    "admin.person_search_signed": "an auditor or a privacy officer signed a search for one person",
    "admin.person_searched": "what is held on one person was looked up",
    "admin.heads_accepted": "heads that were kept elsewhere came back and fit: how and where they were kept",
    "admin.heads_carried": "a person carries the logs' heads away: how and where to",
    "admin.searched": "somebody searched the log: filters and counts",
    "admin.stopped": "a server ended in order",
    "config": "a server started: digest of its settings, versions of its parts",
    "engine.built": "an engine was built on this machine and put into use: its digest, source and compiler",
    "engine.removed": "an engine that was built on this machine was removed",
    "erasure": "what was kept of a person was destroyed: counts and ids of items",
    "erasure.expired": "kept content came to its end and was destroyed",
    "gap": "records are missing or were refused: why, since when, how many",
    "heartbeat": "nothing else happened for a minute",
    "identity.guessing": "answers to wrong keys are held back from now on: for which address",
    "issuer.keys_changed": "a token issuer's public keys changed: the ids that count now; none: unreadable",
    "key.change_failed": "a key was to be made or revoked, and could not be stored",
    "key.created": "an API key was made",
    "key.overlap_ended": "the time in which an old secret still counted is over",
    "key.renewed": "an API key was rotated: another text of it works, the one before until a time",
    "key.retired": "a secret that was followed by another one was destroyed",
    "key.revoked": "an API key was revoked",
    "key.rotated": "a secret follows another one: log key, pepper or tenants' keys",
    "key.sealed": "the secrets were sealed by what does not lie beside them, or by another passphrase",
    "tls.reload_failed": "the changed TLS certificate or key cannot be used; the old ones serve on",
    "tls.reloaded": "a changed TLS certificate serves new connections: its SHA-256, and its end",
    "limits.changed": "what a key, project, tenant or model may use was changed: its bounds before and after",
    "model.added": "a model was added",
    "model.alias": "a name for a model was set or removed",
    "model.failed": "a model could not be loaded, and why",
    "model.key_added": "signatures of models by a key count from now on",
    "model.key_removed": "signatures of models by a key count no more",
    "model.loaded": "a model was loaded and answered its first token: digest, device, engine, what it took",
    "model.ordered": "an operator wants a model loaded, sent out, kept, or kept no longer",
    "model.removed": "a model was taken away: its file, and its manifest where the site had added it",
    "model.signed": "a signature of a model by a key that counts was kept",
    "model.unloaded": "a model's engine was ended, and its room given back",
    "node.back": "a joined node that was away is there again; whether it had started anew",
    "node.distrusted": "a joined node loaded other bytes than it was told to, and is left out: which",
    "node.drained": "a joined node gets no new prompts",
    "node.file_removed": "a joined node is to forget a file that no model of this gateway has any more: which",
    "node.joined": "a machine joined as a node: name, site, jurisdiction, address, its certificate's fingerprint",
    "node.lost": "a joined node cannot be reached, and why",
    "node.out": "a joined node is there and serves nobody, and why: another release, or it can load no model",
    "node.reached": "a joined node was reached for the first time since the start: its release and engine",
    "node.refused": "somebody with a right token, or a node, was told no, and why",
    "node.removed": "a joined node was removed: its certificate counts no more",
    "node.renewed": "a joined node got its next certificate",
    "node.resumed": "a joined node that was drained gets prompts again",
    "node.token_made": "a token was made with which one machine may join: for which name, site, jurisdiction, time",
    "node.trusted": "a node that had loaded other bytes serves again: by whom, and why",
    "policy.activated": "a revision was put in force",
    "policy.break_glass_ended": "a break-glass grant was ended",
    "policy.break_glass_requested": "a break-glass grant was asked for",
    "policy.break_glass_signed": "an approver signed a break-glass grant",
    "policy.built": "a revision was built",
    "policy.imported": "a revision from elsewhere was taken in",
    "policy.in_force": "what is in force at a start",
    "policy.refused": "a revision was not put in force, and why",
    "policy.rolled_back": "the revision before was put in force again",
    "policy.shadow": "what a revision in the shadow would have decided otherwise",
    "policy.shadow.started": "a revision began to decide in the shadow",
    "policy.shadow.stopped": "a shadow ended",
    "policy.signed": "a person signed a revision",
    "policy.signer_added": "a person's signatures count",
    "policy.signer_removed": "a person's signatures count no more",
    "policy.subjects": "persons whose data leave their country were counted, as marks",
    "recovered": "a start repaired what a crash left: torn ends, interrupted requests",
    "target.resumed": "a target that was left alone answers again",
    "target.suspended": "a target failed again and again, and is left alone for a while",
}
"""What each type says, in a few words."""

_ENDINGS = (".failed", ".refused")


def is_event(type: str) -> bool:
    """Whether a record of this type may be written as an administrative one."""
    base = next((type.removesuffix(end) for end in _ENDINGS if type.endswith(end)), type)
    return type in EVENTS or base in EVENTS
