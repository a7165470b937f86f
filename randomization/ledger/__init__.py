"""The ledger: allocation lists, their strata, and who was given which position and kit."""
