"""A board for tests: five members in the protocol's seats, one of them chair, and meetings held by them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from tests.support.house import House
from tests.support.participants import today
from trial.access.accounts import Account
from trial.access.actors import Actor
from trial.access.grants import actor_for
from trial.access.signatures import Reauthenticated
from trial.database.session import TrialSession
from trial.oversight.meetings import (
    ConveneMeeting,
    DeclareConflict,
    Meeting,
    MeetingKind,
    convene_meeting,
    declare_conflict,
)
from trial.oversight.members import AppointMember, appoint_member
from trial.oversight.recommendations import Recommendation, SignRecommendation, sign_recommendation
from trial.oversight.votes import CastVote, cast_vote

CHAIR = "pain_physician"
SEATS = (CHAIR, "anaesthetist", "psychiatrist", "statistician", "patient_representative")
QUORATE = (CHAIR, "psychiatrist", "statistician")


class Board:
    """``people`` by seat."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.people: dict[str, Account] = {}
        with house.database.transaction() as session:
            for seat in SEATS:
                self.people[seat] = self._person(session, seat)
                appoint_member(
                    session,
                    house.actor(session, "sponsor"),
                    AppointMember(trial_id=house.trial.id, account_id=self.people[seat].id, seat=seat),
                )

    def _person(self, session: TrialSession, seat: str) -> Account:
        if seat == CHAIR:
            return self.house.people[("dsmb_chair", None)]
        return self.house.hire(session, "dsmb_member", suffix=seat.replace("_", "-"))

    def actor(self, session: TrialSession, seat: str) -> Actor:
        return actor_for(session, self.people[seat])

    def proof(self, seat: str = CHAIR) -> Reauthenticated:
        return Reauthenticated(self.people[seat].id, self.house.clock.now())

    def convened(self, kind: MeetingKind = MeetingKind.SAFETY_REVIEW, look: int | None = None) -> Meeting:
        with self.house.database.transaction() as session:
            command = ConveneMeeting(trial_id=self.house.trial.id, kind=kind, planned_on=today(self.house), look=look)
            return convene_meeting(session, self.actor(session, CHAIR), command)

    def declare(self, meeting_id: UUID, seats: Iterable[str] = QUORATE, *, has_conflict: bool = False) -> None:
        for seat in seats:
            with self.house.database.transaction() as session:
                command = DeclareConflict(meeting_id=meeting_id, has_conflict=has_conflict, statement="As declared.")
                declare_conflict(session, self.actor(session, seat), command)

    def vote(self, meeting_id: UUID, votes: dict[str, str]) -> None:
        for seat, recommendation in votes.items():
            with self.house.database.transaction() as session:
                command = CastVote(meeting_id=meeting_id, recommendation=recommendation)
                cast_vote(session, self.actor(session, seat), command)

    def sign(self, meeting_id: UUID, recommendation: str, key: str | None = None) -> Recommendation:
        with self.house.database.transaction() as session:
            command = SignRecommendation(
                idempotency_key=key or str(uuid4()),
                meeting_id=meeting_id,
                recommendation=recommendation,
                text="The board has reviewed the data.",
            )
            return sign_recommendation(session, self.actor(session, CHAIR), self.proof(), command)

    def recommended(self, recommendation: str = "continue") -> Recommendation:
        """A meeting held from convening to the chair's signature."""
        meeting = self.convened()
        self.declare(meeting.id)
        self.vote(meeting.id, dict.fromkeys(QUORATE, recommendation))
        return self.sign(meeting.id, recommendation)
