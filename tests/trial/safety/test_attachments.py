"""Files with an event: known by their content, kept once, withdrawn and never deleted."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.events import reported
from tests.support.house import House
from tests.support.participants import consented
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.database.blobs import sha256_of
from trial.errors import InvalidInput
from trial.safety.attachments import (
    MAX_BYTES,
    AttachedAlready,
    AttachFile,
    AttachmentEmpty,
    AttachmentKindUnknown,
    AttachmentTooLarge,
    AttachmentWithdrawn,
    WithdrawAttachment,
    attach_file,
    attachments_for,
    clean_name,
    media_type_of,
    read_attachment,
    withdraw_attachment,
)
from trial.safety.reading import EventWithheld

LETTER = b"%PDF-1.7\nDischarge summary"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def attached(house: House, event, content: bytes = LETTER, *, role: str = "coordinator", name: str = "letter.pdf"):
    command = AttachFile(
        idempotency_key=str(uuid4()), event_id=event.id, file_name=name, description="letter of the ward",
        sha256=sha256_of(content),
    )  # fmt: skip
    with house.database.transaction() as session:
        site = "S1" if (role, "S1") in house.people else None
        return attach_file(session, house.actor(session, role, site), command, content)


def test_a_file_is_what_its_content_says_and_is_named_so(house: House, participant: UUID):
    event = reported(house, participant)
    one = attached(house, event, PICTURE, name=r"C:\letters\..\Brief <b>Muster</b>.html")
    assert (one.media_type, one.file_name, one.size) == ("image/png", "b.png", len(PICTURE))
    assert one.sha256 == sha256_of(PICTURE)
    with house.database.session() as session:
        again, content = read_attachment(session, house.actor(session, "coordinator"), one.id)
    assert (again.number, content) == (1, PICTURE)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", AttachmentEmpty),
        (b"<html>%PDF-", AttachmentKindUnknown),
        (b"PK\x03\x04", AttachmentKindUnknown),
        (b"%PDF-" + bytes(MAX_BYTES), AttachmentTooLarge),
    ],
)
def test_anything_else_is_refused_with_its_own_code(content: bytes, refusal: type):
    with pytest.raises(refusal):
        media_type_of(content)


@given(name=st.text(max_size=300))
def test_a_cleaned_name_is_short_and_safe_in_a_header_and_a_folder(name: str):
    cleaned = clean_name(name, "application/pdf")
    assert cleaned.endswith(".pdf")
    assert len(cleaned) <= 120
    assert not set(cleaned) & set('/\\"\r\n\0;<>%')
    assert not cleaned.startswith(".")


def test_the_same_file_is_attached_once_and_other_bytes_than_announced_are_refused(house: House, participant: UUID):
    event = reported(house, participant)
    attached(house, event)
    with pytest.raises(AttachedAlready):
        attached(house, event)
    other = AttachFile(
        idempotency_key=str(uuid4()), event_id=event.id, file_name="a.pdf", description="a letter", sha256="0" * 64
    )
    with house.database.session() as session, pytest.raises(InvalidInput, match="changed on its way"):
        attach_file(session, house.actor(session, "coordinator"), other, LETTER)


def test_a_withdrawn_file_stays_in_the_list_and_is_given_to_nobody(house: House, participant: UUID):
    event = reported(house, participant)
    one = attached(house, event)
    with house.database.transaction() as session:
        command = WithdrawAttachment(attachment_id=one.id, reason="the letter is another person's")
        withdraw_attachment(session, house.actor(session, "investigator"), command)
    with house.database.session() as session:
        actor = house.actor(session, "coordinator")
        (listed,) = attachments_for(session, actor, event.id)
        assert listed.withdrawal_reason == "the letter is another person's"
        for again in (
            lambda: read_attachment(session, actor, one.id),
            lambda: withdraw_attachment(session, actor, command),
        ):
            with pytest.raises(AttachmentWithdrawn):
                again()
    assert attached(house, event).number == 2, "what was withdrawn by mistake is attached again"


def test_the_bytes_of_a_file_never_change(house: House, participant: UUID):
    one = attached(house, reported(house, participant))
    with house.database.session() as session:
        actor = house.actor(session, "coordinator")
        authorize(session, actor, Action.FILE_ATTACHED, trial_id=house.trial.id, site_id=one.site_id)
        with pytest.raises(DBAPIError, match="sha256"):
            session.execute(text("UPDATE trial.event_attachment SET sha256 = repeat('0', 64)"))


def test_a_file_follows_the_event_in_who_may_see_it(house: House, participant: UUID):
    special = reported(house, participant, term="Hallucinations", verbatim="saw colours")
    one = attached(house, special)
    for role in ("data_manager", "efficacy_assessor", "pharmacist_unblinded"):
        with house.database.session() as session:
            site = "S1" if (role, "S1") in house.people else None
            actor = house.actor(session, role, site)
            for look in (attachments_for, read_attachment):
                with pytest.raises(EventWithheld):
                    look(session, actor, special.id if look is attachments_for else one.id)
        with pytest.raises(EventWithheld):
            attached(house, special, PICTURE, role=role)
