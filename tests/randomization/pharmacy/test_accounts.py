"""What a pharmacist says of an error in words that name a treatment: under seal, for who knows treatments."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from randomization.pharmacy.accounts import (
    AccountMisplaced,
    AccountNotYours,
    ReportNotFound,
    SealAccount,
    accounts_of,
    seal_account,
)
from tests.support.house import House
from tests.support.participants import consented
from trial.errors import NotPermitted
from trial.safety.special_situations import ReportSituation, report_situation

WORDS = "The syringe was drawn from a ketamine vial of lot A-17, and the order was for placebo."
ERROR = {"kind": "medication_error", "stage": "preparation", "reached_participant": True, "harm": "not_known_yet"}


@pytest.fixture
def situation(house: House) -> UUID:
    with house.database.transaction() as session:
        command = ReportSituation(
            idempotency_key=str(uuid4()), participant_id=consented(house), happened="2026-03-02", facts=ERROR,
            under_seal=True, aware_at=house.clock.now(),
        )  # fmt: skip
        return report_situation(session, house.actor(session, "pharmacist_unblinded", "S1"), command).id


def sealed(house: House, situation: UUID, *, role: str = "pharmacist_unblinded", words: str = WORDS, number: int = 1):
    with house.database.transaction() as session:
        actor = house.actor(session, role, "S1" if (role, "S1") in house.people else None)
        return seal_account(session, actor, SealAccount(situation_id=situation, number=number, words=words))


def test_the_words_are_read_by_who_knows_treatments_and_by_nobody_else(house: House, situation: UUID):
    sealed(house, situation)
    with house.database.session() as session:
        for role in ("pharmacist_unblinded", "monitor_unblinded", "safety_officer_unblinded"):
            actor = house.actor(session, role, "S1" if (role, "S1") in house.people else None)
            assert [one.words for one in accounts_of(session, actor, situation)] == [WORDS]
        for role in ("coordinator", "investigator", "medical_monitor", "data_manager", "administrator"):
            actor = house.actor(session, role, "S1" if (role, "S1") in house.people else None)
            with pytest.raises(AccountNotYours):
                accounts_of(session, actor, situation)
        stranger = house.actor(session, "pharmacist_unblinded", "S2")
        with pytest.raises(AccountNotYours):
            accounts_of(session, stranger, situation)


def test_no_blinded_table_holds_a_word_of_it(house: House, situation: UUID, owner_url: str):
    sealed(house, situation)
    with house.database.session() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text("SELECT content FROM sealed.situation_account"))
        session.rollback()
        for table in ("trial.special_situation", "trial.special_situation_version", "audit.entry"):
            rows = session.execute(text(f"SELECT to_jsonb(one)::text FROM {table} AS one")).scalars()
            assert not any("ketamine vial" in row for row in rows)


def test_accounts_of_any_length_look_the_same(house: House, situation: UUID, owner_url: str):
    import sqlalchemy

    sealed(house, situation, words="yes")
    owner = sqlalchemy.create_engine(owner_url)
    with owner.begin() as connection:
        (size,) = connection.execute(text("SELECT DISTINCT length(content) FROM sealed.situation_account")).one()
    owner.dispose()
    assert size > 8192


def test_an_account_belongs_to_one_report_of_the_one_who_gives_it(house: House, situation: UUID):
    with pytest.raises(ReportNotFound):
        sealed(house, situation, number=2)
    with pytest.raises(AccountMisplaced):
        sealed(house, situation, role="safety_officer_unblinded")
    for role in ("coordinator", "data_manager"):
        with pytest.raises(NotPermitted):
            sealed(house, situation, role=role)
    sealed(house, situation)
    with pytest.raises(AccountMisplaced):
        sealed(house, situation)
