"""The medical monitor's page of its own: the register of unblindings, and what each meant for the trial."""
