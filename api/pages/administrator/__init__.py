"""The administrator's pages: people, their roles by date, their credentials. No trial data and no arm."""
