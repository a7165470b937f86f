"""What every process of a race would work out first, worked out once: the server that forks them imports this.

It holds nothing that belongs to a database or to a test: mapped classes and the shipped protocol are the same everywhere.
"""

from sqlalchemy.orm import configure_mappers

from tests.support import processes, racing
from trial.protocol.loader import load_shipped

__all__ = ["processes", "racing"]

configure_mappers()
load_shipped("keta-pain")
