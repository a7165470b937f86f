"""How the trial reaches PostgreSQL: tables' common ground, sessions that act under a role, exactly-once commands."""
