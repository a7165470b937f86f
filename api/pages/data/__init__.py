"""The way towards the lock: the checklist of each stage, the two signatures, unlocking."""
