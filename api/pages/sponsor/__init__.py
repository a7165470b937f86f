"""The sponsor's pages: accrual, sites, versions of the protocol, recommendations, and the three levers."""
