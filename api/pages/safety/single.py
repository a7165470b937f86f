"""One adverse event as its page shows it: the facts, both judgements, the signature, the clocks, and who acts next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.pages.frame import site_words
from api.pages.render import day_words, instant_words
from api.pages.safety.reports import TREATMENT_WORDS, criteria_words
from api.pages.site.subjects import list_url, may_here, opened
from api.pages.site.words import Kind, said, term_words
from api.places import Place
from trial.access.permissions import Permission
from trial.access.signatures import Signature, holds, signatures_on
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.safety.adverse_events import AdverseEvent, EventNotFound, get_event, versions_of
from trial.safety.cases import may_read_case
from trial.safety.causality import SponsorAssessment, sponsor_assessment_of
from trial.safety.reading import EventView, events_for, may_see_detail
from trial.safety.susars import SusarAssessment, latest_susar_assessment
from trial.safety.watch import DueReports, due_reports


@dataclass(frozen=True)
class SeenEvent:
    """``view`` is what this reader may see; the rest is there only for those who see the detail."""

    book: Casebook
    view: EventView
    event: AdverseEvent | None
    signature: Signature | None
    sponsor: SponsorAssessment | None
    susar: SusarAssessment | None
    due: DueReports | None
    latest: int = 0
    """How many versions there are: what a half-typed follow-up was begun from."""

    @property
    def record(self) -> AdverseEvent:
        """The whole event. Raises ``NotPermitted`` for a reader from whom its detail is withheld."""
        if self.event is None:
            raise NotPermitted("The detail of this event can reveal the treatment, so it is withheld from your role.")
        return self.event

    def can_update(self, here: Place) -> bool:
        return self.event is not None and may_here(here, self.book, Permission.ADVERSE_EVENT_REPORT)

    def case_url(self, here: Place) -> str:
        """The page of the serious case; empty for who may not see the whole of it."""
        if self.event is None or not may_read_case(here.actor, self.event):
            return ""
        return here.url("adverse-events", self.view.participant, self.view.number, "case")

    def causality_words(self, code: str | None) -> str:
        labels = {one.code: one.label for one in self.book.protocol.adverse_events.causality.categories}
        return labels.get(code or "", "Not assessed yet")

    def reference_words(self, judged: SponsorAssessment) -> str:
        """The reference safety information of the assessment, and whether a newer one is in force since."""
        now = self.book.protocol.adverse_events.reference_safety_information
        is_older = judged.reference_version not in (None, now.version)
        return (
            f"{judged.reference_document} (version {now.version} is in force now)"
            if is_older
            else judged.reference_document
        )


def seen_event(session: TrialSession, here: Place, code: str, number: int) -> SeenEvent:
    """Raises ``ParticipantNotFound``, ``NotPermitted``, ``EventNotFound``."""
    book = opened(session, here, code)
    views = events_for(session, here.actor, here.trial.id, participant_id=book.participant.id)
    view = next((one for one in views if one.number == number), None)
    if view is None:
        raise EventNotFound(
            f"{book.participant.code} has no event {number} that you may see. Choose one from the list."
        )
    return _whole(session, here, book, view)


def _whole(session: TrialSession, here: Place, book: Casebook, view: EventView) -> SeenEvent:
    event = get_event(session, view.id)
    detailed = not view.withheld or may_see_detail(here.actor, event)
    due = None
    if view.serious and may_here(here, book, Permission.SAE_CLOCK_READ):
        due = due_reports(session, here.actor, view.id)
    return SeenEvent(
        book,
        view,
        event if detailed else None,
        _signature(session, event) if view.serious else None,
        sponsor_assessment_of(session, event.id) if detailed else None,
        latest_susar_assessment(session, event.id) if detailed else None,
        due,
        len(versions_of(session, event.id)),
    )


def _signature(session: TrialSession, event: AdverseEvent) -> Signature | None:
    return next((one for one in reversed(signatures_on(session, event)) if holds(one, event)), None)


def event_rows(seen: SeenEvent) -> list[tuple[str, str]]:
    """The facts, in words."""
    view, event = seen.view, seen.event
    rows = [
        ("Participant", view.participant),
        ("Site", site_words(seen.book.site)),
        ("Serious", "Yes" if view.serious else "No"),
        ("Began", _moment_words(view.onset)),
        ("Ended", _moment_words(view.ended) if view.ended else "Not ended"),
        ("Outcome", term_words("C66768", view.outcome)),
    ]
    if event is None:
        return [*rows, ("Detail", "Withheld: it can reveal the treatment")]
    return [*rows, *_detail_rows(seen, event)]


def _detail_rows(seen: SeenEvent, event: AdverseEvent) -> list[tuple[str, str]]:
    rows = [
        ("In the reporter's words", event.verbatim),
        (event.dictionary, f"{event.term}, grade {event.grade}"),
        ("Class", event.soc),
    ]
    if event.serious:
        rows.append(("Serious because", criteria_words(seen.book, event)))
        rows.append(("Site aware", instant_words(event.aware_at, seen.book.site.zone)))
        rows.append(("Sponsor informed", instant_words(event.sponsor_received_at, seen.book.site.zone)))
    if event.aesi:
        rows.append(("Special interest", event.aesi))
    if event.infusion is not None:
        minute = "" if event.onset_minute is None else f", minute {event.onset_minute}"
        rows.append(("During infusion", f"{event.infusion}{minute}"))
    return [
        *rows,
        *_further_rows(event),
        ("Action with study treatment", term_words("C66767", event.action_taken)),
        ("Caught by", said(event.ascertainment.value)),
        ("Causality, investigator", seen.causality_words(event.causality)),
        *_relation_rows(seen, event.relations, "investigator"),
        *_sponsor_rows(seen),
    ]


def _further_rows(event: AdverseEvent) -> list[tuple[str, str]]:
    rows = []
    if event.severity:
        rows.append(("Severity", term_words("C66769", event.severity)))
    if event.treatments:
        given = ", ".join(TREATMENT_WORDS[kind] for kind in event.treatments)
        rows.append(("Treated with", f"{given}: {event.treatment_words}" if event.treatment_words else given))
    if event.recurrence_of is not None:
        rows.append(("Recurrence of", f"Event {event.recurrence_of}"))
    return rows


def _relation_rows(seen: SeenEvent, relations: Mapping[str, str], side: str) -> list[tuple[str, str]]:
    return [
        (f"Relation to {one.label[:1].lower()}{one.label[1:]}, {side}", seen.causality_words(relations.get(one.code)))
        for one in seen.book.protocol.adverse_events.other_components
        if one.code in relations
    ]


def _sponsor_rows(seen: SeenEvent) -> list[tuple[str, str]]:
    if not seen.view.serious:
        return []
    if seen.sponsor is None:
        return [("Causality, sponsor", "Not assessed yet")]
    expected = "expected" if seen.sponsor.expected else "unexpected"
    rows = [
        ("Causality, sponsor", f"{seen.causality_words(seen.sponsor.causality)}; {expected}"),
        ("Judged against", seen.reference_words(seen.sponsor)),
        *_relation_rows(seen, seen.sponsor.relations, "sponsor"),
    ]
    if seen.susar is not None:
        rows.append(("SUSAR", "Yes" if seen.susar.is_susar else "No"))
    return rows


def tasks_on(here: Place, seen: SeenEvent) -> list[tuple[str, str, str, str, str]]:
    """Who acts next on the event, as ``ui.task_list`` takes it."""
    if seen.event is None:
        return []
    tasks = [_assess_task(here, seen, seen.event)]
    if seen.view.serious:
        tasks += [_sign_task(here, seen, seen.event), _sponsor_task(here, seen), _susar_task(here, seen)]
    return tasks


def _assess_task(here: Place, seen: SeenEvent, event: AdverseEvent) -> tuple[str, str, str, str, str]:
    done = event.causality is not None
    url = _url(here, seen, "assess") if _assesses_here(here, seen) else ""
    kind: Kind = "done" if done else "warning"
    return "Causality, by an investigator", url, "Done" if done else "To do", kind, ""


def _sign_task(here: Place, seen: SeenEvent, event: AdverseEvent) -> tuple[str, str, str, str, str]:
    label = "Investigator's signature"
    if seen.signature is not None:
        when = instant_words(seen.signature.signed_at, seen.book.site.zone)
        return label, "", "Signed", "done", f"{seen.signature.printed_name}, {when}"
    if event.causality is None:
        return label, "", "Cannot start yet", "waiting", "Opens when causality is assessed"
    url = _url(here, seen, "sign") if may_here(here, seen.book, Permission.SAE_SIGN) else ""
    return label, url, "To do", "warning", ""


def _sponsor_task(here: Place, seen: SeenEvent) -> tuple[str, str, str, str, str]:
    done = seen.sponsor is not None
    mine = may_here(here, seen.book, Permission.ADVERSE_EVENT_ASSESS) and not _assesses_here(here, seen)
    return (
        "Causality and expectedness, by the sponsor",
        _url(here, seen, "assess") if mine else "",
        "Done" if done else "To do",
        "done" if done else "warning",
        "",
    )


def _susar_task(here: Place, seen: SeenEvent) -> tuple[str, str, str, str, str]:
    label = "SUSAR assessment, blinded"
    if seen.susar is not None:
        return label, "", "Done", "done", ""
    if seen.sponsor is None:
        return label, "", "Cannot start yet", "waiting", "Opens when the sponsor has assessed"
    mine = may_here(here, seen.book, Permission.SUSAR_ASSESS)
    return label, _url(here, seen, "susar") if mine else "", "To do", "warning", ""


def _assesses_here(here: Place, seen: SeenEvent) -> bool:
    """Whether the caller judges for the site: who assesses by site does, who assesses in the study is the sponsor's."""
    return may_here(here, seen.book, Permission.SAE_SIGN)


def _url(here: Place, seen: SeenEvent, step: str) -> str:
    return list_url(here, "adverse-events", seen.view.participant, seen.view.number, step)


def _moment_words(moment: str) -> str:
    day, _, clock = moment.partition("T")
    return f"{day_words(day)}, {clock}" if clock else day_words(day)
