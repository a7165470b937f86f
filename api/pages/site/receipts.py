"""The receipt of a randomization: on the page, on paper, and found again. Two numbers and no arm."""

from __future__ import annotations

from dataclasses import dataclass

from api.pages.frame import site_words
from api.pages.render import day_words, instant_words
from api.pages.site.stages import stage_words
from api.places import Place
from randomization.ledger.allocations import RandomizationReceipt, find_allocation, receipt_for
from reports.documents.receipt import RandomizationFacts, randomization_receipt
from trial.access.signatures import Signature, signatures_on
from trial.conduct.casebooks import Casebook
from trial.conduct.schedules import PlannedVisit, planned_visits
from trial.conduct.visits import anchors_of
from trial.database.session import TrialSession
from trial.protocol.schema.allocation import MAIN_STAGE


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the ledger's receipt says, with the signature under it."""

    book: Casebook
    ledger: RandomizationReceipt
    signature: Signature
    stage: str = ""

    @property
    def local_time(self) -> str:
        return instant_words(self.ledger.randomized_at, self.book.site.zone)

    @property
    def next_step(self) -> str:
        if self.ledger.kit_number is None:
            return "The pharmacist is told, and prepares each dose once it is ordered."
        return f"Fetch kit {self.ledger.kit_number} and hand it to the pharmacy for preparation."

    @property
    def headline(self) -> list[tuple[str, str]]:
        """What is read first; the same rows for every arm."""
        number = ("Randomization number", self.ledger.randomization_number)
        return [number] if self.ledger.kit_number is None else [number, ("Kit", self.ledger.kit_number)]

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [
            ("Participant", self.ledger.participant),
            *([("Randomization", self.stage)] if self.stage else []),
            ("Site", site_words(self.book.site)),
            ("Randomized", self.local_time),
            ("Randomized and signed by", self.signature.printed_name),
            ("Meaning of the signature", self.signature.meaning),
            ("Protocol version", self.book.version_label),
            ("As one line, which proves itself", self.ledger.line),
        ]


def receipt_of(session: TrialSession, here: Place, book: Casebook, stage: str = MAIN_STAGE) -> Receipt:
    """Raises ``NotPermitted``, ``NotRandomized``, ``NotInProtocol``."""
    words = stage_words(book, stage)
    ledger = receipt_for(session, here.actor, book.participant.id, stage)
    allocation = find_allocation(session, book.participant, stage)
    return Receipt(book, ledger, signatures_on(session, allocation)[0], words)


def receipt_pdf(receipt: Receipt, *, visits: bool = False) -> bytes:
    """The same receipt as one page to print and file; the same bytes whenever it is asked for.

    With ``visits`` their dates, as far as they are known by now, are printed along.
    """
    book, ledger = receipt.book, receipt.ledger
    return randomization_receipt(
        RandomizationFacts(
            trial=book.trial.code,
            title=book.trial.title,
            kind=book.trial.kind.value,
            participant=ledger.participant,
            site=site_words(book.site),
            randomization_number=ledger.randomization_number,
            kit=ledger.kit_number,
            randomized_at=ledger.randomized_at,
            local_time=receipt.local_time,
            randomized_by=receipt.signature.printed_name,
            signature_meaning=receipt.signature.meaning,
            protocol_version=book.version_label,
            record=str(ledger.allocation_id),
            next_step=receipt.next_step,
            line=ledger.line,
            visits=_visits(book) if visits else (),
            stage=receipt.stage,
        )
    )


def _visits(book: Casebook) -> tuple[tuple[str, str], ...]:
    planned = planned_visits(book.protocol, anchors_of(book.participant, book.site.zone))
    return tuple((one.visit.name, _when(one)) for one in planned if one.visit.period != "screening")


def _when(planned: PlannedVisit) -> str:
    if planned.dates is None:
        return f"counts from the {planned.visit.anchor.replace('_', ' ')}"
    day, opens, closes = (day_words(one) for one in (planned.dates.planned, planned.dates.opens, planned.dates.closes))
    return day if opens == closes else f"{day} ({opens} to {closes})"
