"""What every main page looks like, and for whom: the moment that is photographed, the pages of each person, the camera.

The moment is a Monday in the middle of the demo's trial. ``set_scene`` adds who is needed so that no page is empty:
somebody in each step from consent to infusion, a serious event that waits, a board that has begun to vote.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from PIL import Image
from playwright.sync_api import Page
from sqlmodel import col, select

from randomization.pharmacy.preparations import (
    PrepareDose,
    VerifyPreparation,
    prepare_dose,
    verify_preparation,
)
from tests.support.events import reported, serious, situation_of
from tests.support.house import House
from tests.support.participants import (
    assess,
    consented,
    order,
    participant,
    ready_to_randomize,
    registered,
    screen,
    site_code,
)
from tests.support.randomization import randomize
from trial.access.accounts import find_account
from trial.access.grants import actor_for
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.participants import Participant, ParticipantStatus
from trial.database.blobs import sha256_of
from trial.oversight.meetings import DeclareConflict, declare_conflict, meetings_of
from trial.oversight.votes import CastVote, cast_vote
from trial.safety.attachments import AttachFile, attach_file

DESKTOP, PHONE = 1280, 360
HEIGHT: Final = 900
TALLEST: Final = 1700
LETTER = b"%PDF-1.7\nA letter"
VOTING = ("board.chair", "board.psychiatrist", "board.statistician")
_COLOURS: Final = 128
_DOTS_PER_INCH: Final = 80


@dataclass(frozen=True)
class Scene:
    """Codes of the people in each step, and what else an address names."""

    registered: str
    consented: str
    assessed: str
    ready: str
    treated: str
    elsewhere: str
    followed: str
    event: int
    serious_event: int
    preparation: UUID
    meeting: UUID
    person: UUID


@dataclass(frozen=True)
class Sight:
    """One main page as one person sees it. ``path`` is below the trial's address; with a leading slash it is the server's."""

    name: str
    path: str


def set_scene(house: House) -> Scene:
    """Everything by the services of real use, by whose task it is."""
    followed = _followed_longest(house, "S1")
    treated, elsewhere = (_randomized(house, site) for site in ("S1", "S2"))
    nausea = reported(house, treated)
    waiting = serious(house, followed)
    _letter_and_error(house, treated, nausea.id)
    _prepared(house, treated, verified=True)
    preparation = _prepared(house, elsewhere, verified=False)
    assessed = consented(house, "S1")
    screen(house, assessed)
    assess(house, assessed)
    codes = {
        name: participant(house, one).code
        for name, one in {
            "registered": registered(house, "S1"),
            "consented": consented(house, "S1"),
            "assessed": assessed,
            "ready": ready_to_randomize(house, "S1"),
            "treated": treated,
            "elsewhere": elsewhere,
            "followed": followed,
        }.items()
    }
    return Scene(
        **codes,
        event=nausea.number,
        serious_event=waiting.number,
        preparation=preparation,
        meeting=_half_voted(house),
        person=house.people[("investigator", "S1")].id,
    )


def _letter_and_error(house: House, treated: UUID, event_id: UUID) -> None:
    """A file with the event, and a medication error whose follow-up is awaited."""
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", "S1")
        letter = AttachFile(
            idempotency_key=str(uuid4()), event_id=event_id, file_name="letter.pdf",
            description="Letter of the family doctor", sha256=sha256_of(LETTER),
        )  # fmt: skip
        attach_file(session, coordinator, letter, LETTER)
    situation_of(house, treated)


def _followed_longest(house: House, site: str) -> UUID:
    with house.database.session() as session:
        wanted = select(Participant).where(
            Participant.site_id == house.site_id(site), Participant.status == ParticipantStatus.FOLLOW_UP
        )
        return session.exec(wanted.order_by(col(Participant.randomized_at))).all()[0].id


def _randomized(house: House, site: str) -> UUID:
    made = ready_to_randomize(house, site)
    randomize(house, made)
    return made


def _prepared(house: House, participant_id: UUID, *, verified: bool) -> UUID:
    """The first infusion ordered and prepared; checked by the second pharmacist where asked."""
    order(house, participant_id, 1)
    site = site_code(house, participant_id).lower()
    with house.database.transaction() as session:
        wanted = session.exec(select(InfusionOrder).where(InfusionOrder.participant_id == participant_id)).one()
        command = PrepareDose(order_id=wanted.id, idempotency_key=str(uuid4()))
        made = prepare_dose(session, _named(session, f"pharmacist-1.{site}"), command).preparation_id
        if verified:
            checking = VerifyPreparation(preparation_id=made, idempotency_key=str(uuid4()))
            verify_preparation(session, _named(session, f"pharmacist-2.{site}"), checking)
    return made


def _half_voted(house: House) -> UUID:
    with house.database.transaction() as session:
        meeting = meetings_of(session, house.trial.id)[-1]
        for username in VOTING:
            actor = _named(session, username)
            declare_conflict(
                session, actor, DeclareConflict(meeting_id=meeting.id, has_conflict=False, statement="None.")
            )
            cast_vote(session, actor, CastVote(meeting_id=meeting.id, recommendation="continue"))
        return meeting.id


def _named(session, username: str):
    account = find_account(session, username)
    assert account is not None, f"nobody is called {username}"
    return actor_for(session, account)


def sights(scene: Scene) -> dict[str, list[Sight]]:
    """Every main page by the person who uses it."""
    return {username: [Sight(name, path) for name, path in pages] for username, pages in _pages(scene).items()}


def _pages(scene: Scene) -> dict[str, list[tuple[str, str]]]:
    def of(code: str, *more: str) -> str:
        return "/".join(["participants", code, *more])

    event = f"adverse-events/{scene.treated}/{scene.event}"
    waiting = f"adverse-events/{scene.followed}/{scene.serious_event}"
    meeting = f"meetings/{scene.meeting}"
    return {
        "coordinator.s1": [
            ("home", ""),
            ("participants", "participants"),
            ("register", "participants/register"),
            ("participant-registered", of(scene.registered)),
            ("consent", of(scene.registered, "consent")),
            ("visit", of(scene.consented, "visits", "SCR")),
            ("form", of(scene.consented, "visits", "SCR", "forms", "vitals")),
            ("eligibility", of(scene.ready, "eligibility")),
            ("participant-ready", of(scene.ready)),
            ("randomize-check", of(scene.ready, "randomize")),
            ("randomize", of(scene.ready, "randomize", "sign")),
            ("receipt", of(scene.treated, "receipt")),
            ("participant", of(scene.followed)),
            ("adverse-event-report", of(scene.treated, "adverse-events", "report")),
            ("adverse-events", "adverse-events"),
            ("adverse-event", event),
            ("adverse-event-follow-up", f"{event}/update"),
            ("adverse-event-file", f"{event}/files"),
            ("special-situations", "special-situations"),
            ("special-situation", f"special-situations/{scene.treated}/1"),
            ("special-situation-report", of(scene.treated, "special-situations", "report?about=medication_error")),
            ("reference-safety-information", "reference-safety-information"),
            ("deviation", of(scene.treated, "deviation")),
            ("queries", "queries"),
            ("treatments", of(scene.followed, "treatments")),
            ("programme", of(scene.followed, "programme")),
            ("end-study", of(scene.treated, "end-study")),
            ("identity", of(scene.treated, "identity")),
            ("find", "find?q=P-00"),
            ("account", "/account"),
            ("password", "/account/password"),
            ("choose", "/choose"),
        ],
        "investigator.s1": [
            ("home-investigator", ""),
            ("eligibility-sign", of(scene.assessed, "eligibility", "sign")),
            ("code-break", of(scene.treated, "code-break")),
            ("unblinding-report", of(scene.treated, "code-break", "report")),
            ("serious-event", waiting),
            ("serious-event-assess", f"{waiting}/assess"),
            ("serious-event-sign", f"{waiting}/sign"),
        ],
        "nurse.s1": [("home-nurse", ""), ("infusions", "infusions"), ("bedside", of(scene.treated, "infusions", "1"))],
        "assessor.s1": [
            ("home-assessor", ""),
            ("assessments", "assessments"),
            ("questionnaire", f"assessments/{scene.consented}/BL/PROMIS-29"),
        ],
        "pharmacist-1.s2": [
            ("home-pharmacist", ""),
            ("preparations", "preparations"),
            ("worksheet", f"preparations/{scene.preparation}"),
            ("stock", "stock"),
        ],
        "monitor.s1": [
            ("home-monitor", ""),
            ("participants-monitor", "participants"),
            ("query-raise", of(scene.followed, "queries", "raise")),
        ],
        "pharmacy-monitor.s1": [("home-pharmacy-monitor", "")],
        "data-manager": [
            ("home-data-manager", ""),
            ("cut-offs", "cutoffs"),
            ("locks", "locks"),
            ("lock-checklist", "locks/stages/FINAL"),
            ("freezes", "locks/freezes"),
            ("queries-data-manager", "queries"),
        ],
        "medical-monitor": [
            ("home-medical-monitor", ""),
            ("serious-events", "adverse-events?kind=serious"),
            ("serious-event-monitor", f"{waiting}/assess"),
            ("unblindings", "unblindings"),
        ],
        "safety-officer": [("home-safety-officer", "")],
        "statistician.unblinded": [("home-statistician", ""), ("meeting-statistician", meeting)],
        "statistician.randomization": [("home-randomization", ""), ("allocation-lists", "allocation-lists")],
        "statistician.blinded": [("token", "/account/tokens/new"), ("datasets-none", "datasets")],
        "supply-manager": [("home-supply", "")],
        "sponsor": [
            ("home-sponsor", ""),
            ("overview", "overview"),
            ("recommendations", "recommendations"),
            ("levers", "levers"),
            ("versions", "versions"),
            ("new-version", "versions/new"),
            ("sites", "sites"),
            ("board", "board"),
            ("reporting", "reporting"),
            ("infusion-domain", "infusion-domain"),
            ("opening", "opening"),
        ],
        "administrator-1": [
            ("home-administrator", ""),
            ("people", "people"),
            ("person", f"people/{scene.person}"),
            ("new-person", "people/new"),
        ],
        "inspector": [
            ("home-inspector", ""),
            ("audit", "audit"),
            ("signatures", "signatures"),
            ("access-history", "access-history"),
        ],
        "board.anaesthetist": [
            ("home-member", ""),
            ("meeting-undeclared", meeting),
            ("declaration", f"{meeting}/declaration"),
        ],
        "board.chair": [
            ("home-chair", ""),
            ("meetings", "meetings"),
            ("meeting", meeting),
            ("vote", f"{meeting}/vote"),
            ("recommendation", f"{meeting}/recommendation"),
        ],
    }


PEOPLE: Final = (
    "coordinator.s1",
    "investigator.s1",
    "nurse.s1",
    "assessor.s1",
    "pharmacist-1.s2",
    "monitor.s1",
    "pharmacy-monitor.s1",
    "data-manager",
    "medical-monitor",
    "safety-officer",
    "statistician.unblinded",
    "statistician.randomization",
    "statistician.blinded",
    "supply-manager",
    "sponsor",
    "administrator-1",
    "inspector",
    "board.anaesthetist",
    "board.chair",
)
"""Whose pages there are; a test holds it against ``sights``."""

FOR_THE_DOCS: Final = {
    "sign-in": ("sign-in", "light", DESKTOP),
    "home": ("home", "light", DESKTOP),
    "home-phone": ("home", "light", PHONE),
    "participants": ("participants", "light", DESKTOP),
    "participant": ("participant", "light", DESKTOP),
    "participant-dark": ("participant", "dark", DESKTOP),
    "randomize": ("randomize", "light", DESKTOP),
    "randomize-phone": ("randomize", "dark", PHONE),
    "receipt": ("receipt", "light", DESKTOP),
    "adverse-event": ("adverse-event-filled", "light", DESKTOP),
    "meeting": ("meeting", "light", DESKTOP),
    "meeting-dark": ("meeting", "dark", DESKTOP),
    "datasets": ("datasets", "light", DESKTOP),
    "closed-report": ("closed-report", "light", DESKTOP),
}
"""The committed pictures: which sight, light or dark, how wide."""


def photographs(page: Page, name: str) -> Iterator[tuple[str, bytes]]:
    """The page that stands there: light and dark, on a desk and on a phone. The page is not loaded again."""
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal out of a tuple
            yield f"{name}-{scheme}-{width}", page.screenshot(full_page=True, animations="disabled")
    page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    page.emulate_media(color_scheme="light")


def small(picture: bytes) -> bytes:
    """The same picture with few colours, and no longer than somebody scrolls."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, TALLEST)))
    written = io.BytesIO()
    image.quantize(colors=_COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


def page_of_pdf(content: bytes, number: int, folder: Path) -> bytes | None:
    """One page of a PDF as a picture, or ``None`` where pdftoppm is not installed."""
    if shutil.which("pdftoppm") is None:
        return None
    source = folder / "paper.pdf"
    source.write_bytes(content)
    wanted = ["-f", str(number), "-l", str(number), "-r", str(_DOTS_PER_INCH), "-png", "-singlefile"]
    subprocess.run(["pdftoppm", *wanted, source, folder / "paper"], check=True)
    return (folder / "paper.png").read_bytes()
