"""The unblinded pharmacist's room: what to draw for one participant today, who prepared it, who checked it."""
