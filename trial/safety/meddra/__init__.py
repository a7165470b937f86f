"""MedDRA, where the sponsor is licensed: its own distribution is read, kept, and used for coding. None of it is shipped."""
