"""The coder's desk: codings that want a second look, codes in MedDRA, and what a new dictionary version changes."""
