"""Everything that the database is asked, by whatever way: SQLAlchemy's statements and plain ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from trial.database.driver import DescribingOnce


@contextmanager
def listening() -> Iterator[list[str]]:
    """The statements of this process, in their order, as they are said."""
    said: list[str] = []

    def execute(self, query, *given, **named):
        said.append(str(query))
        return super(DescribingOnce, self).execute(query, *given, **named)

    DescribingOnce.execute = execute
    try:
        yield said
    finally:
        del DescribingOnce.execute
