"""The trial as data: the schema of a protocol, its loader, and the protocols that we ship."""
