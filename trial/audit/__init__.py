"""The append-only, chained and anchored record of every change: reading it, anchoring it, verifying it.

It is written by the database's own triggers (``migrations/audit_triggers``): no service writes audit entries.
"""
