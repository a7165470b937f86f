"""The inspector's pages: the audit trail with filters and export, signatures, who could do what on a date."""
