"""Every door of the house: JSON, pages, command line and queued work."""
