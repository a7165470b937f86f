"""Every table of the house, imported so that the metadata holds them all."""

from trial.access import accounts, alerts, exactly_once, grants, resets, sign_in, signatures, tokens
from trial.conduct import sites, trials
from trial.database.records import metadata
from trial.protocol import versions

TABLE_MODULES = (
    accounts,
    alerts,
    exactly_once,
    grants,
    resets,
    sign_in,
    signatures,
    tokens,
    sites,
    trials,
    versions,
)

__all__ = ["TABLE_MODULES", "metadata"]
