"""Pages about safety: adverse events, from the report to the signature, and the emergency break of one code."""
