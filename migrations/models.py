"""Every table of the house, imported so that the metadata holds them all."""

from randomization import holders
from randomization.kits import contents, counts, destruction, dispensing, excursions, kits, promises, returns, shipments
from randomization.ledger import allocation_lists, allocations, envelopes, sealed_matter, tallies
from randomization.pharmacy import handovers, preparations
from randomization.unblinding import coding, documents, opening, register
from trial.access import accounts, alerts, exactly_once, grants, resets, sign_in, signatures, tokens
from trial.conduct import (
    attendance,
    concomitant,
    consents,
    departures,
    deviations,
    eligibility,
    factors,
    forms,
    guesses,
    identities,
    infusion_courses,
    outcomes,
    participants,
    queries,
    randomization_errors,
    screening,
    sites,
    trials,
    visits,
)
from trial.database.records import metadata
from trial.locks import blobs, casebook_signatures, cutoffs, datasets, freezes, lock, snapshots
from trial.oversight import decisions, meetings, members, papers, recommendations, votes
from trial.protocol import versions
from trial.safety import adverse_events, causality, susars

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
    participants,
    consents,
    identities,
    queries,
    randomization_errors,
    forms,
    factors,
    screening,
    eligibility,
    outcomes,
    visits,
    departures,
    infusion_courses,
    guesses,
    deviations,
    attendance,
    concomitant,
    adverse_events,
    causality,
    susars,
    members,
    meetings,
    papers,
    votes,
    recommendations,
    decisions,
    blobs,
    casebook_signatures,
    freezes,
    snapshots,
    cutoffs,
    lock,
    datasets,
    holders,
    allocation_lists,
    sealed_matter,
    tallies,
    allocations,
    envelopes,
    kits,
    contents,
    shipments,
    dispensing,
    promises,
    excursions,
    returns,
    destruction,
    counts,
    preparations,
    handovers,
    register,
    coding,
    opening,
    documents,
)

__all__ = ["TABLE_MODULES", "metadata"]
