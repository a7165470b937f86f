"""ADaM frames of the session's snapshot, by arm and naive."""

from __future__ import annotations

import pytest

from reports.documents.common import all_frames


@pytest.fixture(scope="session")
def frames(snapshot, context, treatments):
    return all_frames(snapshot, context, "unblinded", treatments)


@pytest.fixture(scope="session")
def naive(snapshot, context):
    return all_frames(snapshot, context, "naive")
