"""Frozen data to datasets, numbers, tables, figures and paper. Never reads a live table."""
