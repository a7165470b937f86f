"""The statistician's pages: locked datasets with their hashes, snippets to copy, and the data dictionary."""
