"""The CONSORT flow of any trial adds up, box by box, by arm and pooled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reports.analyses.disposition import FlowDoesNotAddUp, check_flow, participant_flow
from reports.analyses.groups import by_arm, pooled
from reports.documents.common import all_frames
from tests.reports.factory import make_context, make_snapshot, make_treatments


@given(st.integers(0, 40), st.integers(0, 2**16), st.integers(2, 4))
@settings(max_examples=12, deadline=None)
def test_the_identities_of_the_flow_hold_for_any_trial(assessed, seed, arms):
    labels = ("A", "B", "C", "D")[:arms]
    snapshot, context = make_snapshot(assessed, seed), make_context()
    frames = all_frames(snapshot, context, "unblinded", make_treatments(snapshot, seed, labels))
    flow, whole = (participant_flow(frames, context.plan, group) for group in (by_arm(labels), pooled()))
    for one in (flow, whole):
        assert one.assessed == assessed == one.excluded.total + one.in_screening + one.randomized
        assert one.randomized == sum(arm.allocated for arm in one.arms)
        for arm in one.arms:
            assert arm.allocated == arm.received + arm.not_received.total == arm.analysed + arm.not_analysed.total
            assert arm.lost.total <= arm.not_analysed.total
            assert arm.discontinued.total <= arm.received
    for name in ("allocated", "received", "analysed"):
        assert sum(getattr(arm, name) for arm in flow.arms) == getattr(whole.arms[0], name)


@given(
    st.sampled_from(["allocated", "received", "analysed"]),
    st.integers(1, 3),
    st.sampled_from(["in_screening", "assessed", "randomized"]),
)
@settings(max_examples=12, deadline=None)
def test_no_diagram_is_drawn_from_numbers_that_do_not_add_up(box, more, top):
    snapshot, context = make_snapshot(20, 5), make_context()
    flow = participant_flow(all_frames(snapshot, context, "naive"), context.plan, pooled())
    assume(flow.arms)
    arm = replace(flow.arms[0], **{box: getattr(flow.arms[0], box) + more})
    for wrong in (replace(flow, arms=(arm,)), replace(flow, **{top: getattr(flow, top) + more})):
        with pytest.raises(FlowDoesNotAddUp):
            check_flow(wrong)
