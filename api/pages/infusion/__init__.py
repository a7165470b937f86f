"""Pages of the infusion team: what is given today, the order, and the bedside record."""
