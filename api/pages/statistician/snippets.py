"""Lines to copy: how a dataset is pulled, and how its files are read in four languages.

Invariants
1. A snippet holds no token and no path of this server's file system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    id: str
    title: str
    text: str


def snippets(server: str, trial: str, dataset_id: str, folder: str) -> Iterator[Snippet]:
    """From the pull to a data frame; ``folder`` is where the files are put."""
    yield Snippet(
        "pull",
        "Pull and verify",
        f"export EQUIPOISE_TOKEN=…   # from your account page\n"
        f"equipoise pull {trial} {dataset_id} --server {server} --to {folder}",
    )
    yield Snippet(
        "pandas", "Python, pandas", f'import pandas as pd\n\nadsl = pd.read_parquet("{folder}/adam/adsl.parquet")'
    )
    yield Snippet(
        "polars", "Python, polars", f'import polars as pl\n\nadsl = pl.read_parquet("{folder}/adam/adsl.parquet")'
    )
    yield Snippet(
        "r",
        "R",
        "library(arrow)    # or haven::read_xpt for the .xpt files\n\n"
        f'adsl <- read_parquet("{folder}/adam/adsl.parquet")',
    )
    yield Snippet(
        "sas",
        "SAS",
        f'libname adsl xport "{folder}/adam/adsl.xpt" access=readonly;\n'
        "proc copy in=adsl out=work; run;\nproc contents data=work.adsl; run;",
    )
