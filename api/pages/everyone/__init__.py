"""Pages for everyone: signing in, choosing where to work, what waits, one's own account, finding a participant."""
