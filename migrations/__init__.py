"""The database's history, and the triggers that keep its records append-only and audited."""
