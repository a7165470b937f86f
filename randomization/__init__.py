"""The strongroom: the only place where an arm and a participant meet."""
