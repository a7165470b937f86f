"""The protocols that come with the package."""
