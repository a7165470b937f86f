"""One whole trial in a real browser: from a participant's registration to the locked dataset on a statistician's disk.

What came before (recruitment at three sites, infusions, follow-up, an amendment, the cut-off and the two reports of the
first look) was made by the demo's own stories. What is told here is done by people at browsers, each at one of their own.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, expect
from pypdf import PdfReader
from sqlmodel import select

from api.cli.demo.roster import CHAIR, username_at
from tests.e2e.arms import arms_in
from tests.e2e.endings import settle
from tests.e2e.trials import CODE, LOOK, Served
from tests.e2e.visitors import Visitor, visitor
from tests.support.participants import acceptable_items, answered_form, protocol_at, today
from trial.conduct.outcomes import RecordOutcomes, record_outcomes
from trial.conduct.participants import find_participant
from trial.oversight.meetings import DeclareConflict, declare_conflict, meetings_of
from trial.oversight.papers import Paper, PaperKind
from trial.oversight.votes import CastVote, cast_vote
from trial.protocol.schema import Form, Protocol

SITE = "S1"
COORDINATOR, INVESTIGATOR, ASSESSOR = (username_at(name, SITE) for name in ("coordinator", "investigator", "assessor"))
MEMBER, OTHER_MEMBERS = "board.anaesthetist", ("board.psychiatrist", "board.statistician", "board.patient")
MANAGER, STATISTICIAN, SPONSOR = "data-manager", "statistician.blinded", "sponsor"
BLINDED = (COORDINATOR, INVESTIGATOR, SPONSOR, MANAGER, STATISTICIAN)
A_NUMBER = re.compile(r"^\S+$")
UNTIL_EVERYTHING_IS_OVER = timedelta(days=240)
PULL_SECONDS = 60


@dataclass
class Story:
    """What the trial has come to, and what each person's browser saw of it."""

    trial: Served
    browser: Browser
    browsers: ExitStack
    participant: str = ""
    kit: str = ""
    papers: dict[str, str] = field(default_factory=dict)
    token: str = ""
    manifest_sha256: str = ""
    people: dict[str, Visitor] = field(default_factory=dict)

    def at(self, username: str) -> Visitor:
        """This person at their own browser, signed in once through both pages."""
        if username not in self.people:
            self.people[username] = self.browsers.enter_context(visitor(self.browser, self.trial))
            self.people[username].sign_in(username)
        return self.people[username]

    def everything_seen(self, *usernames: str) -> dict[str, str]:
        """Bodies of all answers to these people's browsers."""
        return {
            f"{username}: {address}": html.unescape(body)
            for username in usernames
            for address, body in self.people[username].watch.read().items()
        }

    @property
    def protocol(self) -> Protocol:
        return protocol_at(self.trial.house(), SITE)


def test_one_whole_trial_from_the_registration_of_a_participant_to_the_pulled_dataset(at_moment, chromium, tmp_path):
    with at_moment(LOOK) as trial, ExitStack() as browsers:
        story = Story(trial, chromium, browsers)
        coordinator_registers_consents_and_screens(story)
        assessor_enters_the_questionnaires(story)
        coordinator_answers_the_criteria(story)
        investigator_signs_eligibility(story)
        coordinator_randomizes_and_keeps_the_receipt(story)
        coordinator_reports_an_adverse_event(story)
        coordinator_records_that_the_participant_leaves(story)
        member_declares_and_opens_both_papers(story)
        others_of_the_board_vote(story)
        chair_signs_the_recommendation(story)
        sponsor_decides(story)
        everything_else_comes_to_its_end(story)
        two_people_sign_the_lock(story)
        statistician_has_a_dataset_built_and_makes_a_token(story)
        pulled = pull(story, tmp_path / "pulled")
        every_hash_agrees_with_the_manifest(pulled, story.manifest_sha256)
        nobody_blinded_saw_an_arm(story)
        for one in story.people.values():
            assert one.watch.errors == [], "the console of every browser is clean, and no policy was broken"
            assert one.watch.strangers == [], "no browser was sent anywhere but here"


def coordinator_registers_consents_and_screens(story: Story) -> None:
    anna = story.at(COORDINATOR)
    assert anna.heading() == "Today"
    anna.follow("Participants")
    anna.follow("Register a participant")
    anna.choose("Sex", "Female")
    anna.page.get_by_label("Year of birth").fill("1971")
    anna.press("Register participant")
    story.participant = anna.heading()
    anna.follow("Record consent")
    anna.page.get_by_label("Version of the consent document").fill("2.0")
    anna.page.get_by_label("The participant has a signed copy").check()
    anna.press("Record consent")
    anna.sees("The consent is recorded.")
    for form in forms_of_the_site(story.protocol):
        anna.open("participants", story.participant)
        anna.follow(re.compile(r"^Record "))
        assert anna.heading() == form.name, "the one action of the page is the next form"
        anna.answer(answered_form(story.protocol, form))
        anna.press("Record and go on")
    anna.sees("The form is recorded.")


def forms_of_the_site(protocol: Protocol) -> list[Form]:
    return [protocol.form(code) for visit in protocol.visits if visit.period == "screening" for code in visit.forms]


def assessor_enters_the_questionnaires(story: Story) -> None:
    """By the services: how they are entered on the page is tested with the assessor's pages."""
    house, protocol = story.trial.house(), story.protocol
    with house.database.transaction() as session:
        participant = find_participant(session, house.trial.id, story.participant)
        for visit in (visit for visit in protocol.visits if visit.period == "screening"):
            for expected in visit.instruments:
                instrument = protocol.instrument(expected.id)
                role = "coordinator" if instrument.completed_by == "clinician" else "efficacy_assessor"
                command = RecordOutcomes(
                    participant_id=participant.id,
                    visit=visit.code,
                    answered_on=today(house, SITE),
                    answers={expected.id: acceptable_items(protocol, instrument)},
                )
                for _ in range(expected.times):
                    record_outcomes(session, house.actor(session, role, SITE), command)


def coordinator_answers_the_criteria(story: Story) -> None:
    anna = story.at(COORDINATOR)
    anna.open("participants", story.participant)
    anna.follow("Answer the criteria")
    for criterion in story.protocol.eligibility:
        if criterion.check is None:
            answer = "yes" if criterion.kind == "inclusion" else "no"
            anna.page.locator(f'[name="criterion-{criterion.id}"][value="{answer}"]').check()
    anna.press("Record the answers")
    anna.sees("The criteria are answered.")
    anna.sees("Waits for an investigator's signature.")
    anna.open("participants", story.participant, "randomize")
    anna.sees("Cannot be randomized now")


def investigator_signs_eligibility(story: Story) -> None:
    bruno = story.at(INVESTIGATOR)
    bruno.follow(re.compile("eligibility to sign"))
    assert story.participant in bruno.page.title()
    bruno.sees("Your signature means")
    bruno.sign(f"Sign eligibility of {story.participant}")
    bruno.sees("Eligibility is signed. The participant can be randomized.")


def coordinator_randomizes_and_keeps_the_receipt(story: Story) -> None:
    anna = story.at(COORDINATOR)
    anna.open("participants", story.participant)
    anna.follow(f"Randomize {story.participant}")
    anna.follow("Continue to the signature")
    anna.sign(f"Randomize {story.participant}")
    anna.sees(f"{story.participant} is randomized")
    receipt = anna.path
    story.kit = headline(anna)["Kit"]
    assert A_NUMBER.match(story.kit)
    assert A_NUMBER.match(headline(anna)["Randomization number"])
    anna.sees(f"Fetch kit {story.kit} and hand it to the pharmacy")
    printed = text_of(anna.page.pdf())
    assert story.kit in printed
    assert "Find this receipt again" not in printed
    assert story.kit in text_of(anna.fetch(anna.link("Receipt as PDF")))
    found_again(story, anna, receipt)


def found_again(story: Story, anna: Visitor, receipt: str) -> None:
    """By the code in the find box, and by the address that the receipt itself names."""
    anna.page.keyboard.press("/")
    anna.page.keyboard.type(story.participant)
    anna.page.keyboard.press("Enter")
    anna.page.wait_for_url(re.compile(rf"/participants/{story.participant}$"))
    anna.page.get_by_role("list", name="Timeline").get_by_role("link", name="Randomized").click()
    anna.page.wait_for_url(re.compile(rf"{receipt}$"))
    assert headline(anna)["Kit"] == story.kit
    anna.open("participants", story.participant, "randomize", "sign")
    assert anna.path == receipt, "who is randomized is never randomized again: the page is the receipt"


def headline(anna: Visitor) -> dict[str, str]:
    rows = anna.page.locator("dl.headline > div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def coordinator_reports_an_adverse_event(story: Story) -> None:
    anna = story.at(COORDINATOR)
    anna.open("participants", story.participant)
    anna.follow("Report an adverse event")
    anna.choose("Was it serious?", "No")
    anna.page.get_by_label("What happened?").fill("felt sick on the way home")
    anna.page.get_by_role("combobox", name="Term").fill("Nausea")
    anna.page.get_by_role("combobox", name="Term").blur()
    anna.page.get_by_label("Grade 1", exact=True).check()
    anna.fill_date("onset", today(story.trial.house(), SITE))
    anna.page.get_by_label("How is it now?").select_option("NOT RECOVERED/NOT RESOLVED")
    anna.page.get_by_label("What was done with the study treatment?").select_option("DOSE NOT CHANGED")
    anna.choose("What caught it?", "Told by the participant, or by an open question")
    anna.press("Report the event")
    anna.sees("The event is recorded.")
    anna.sees("Nausea")


def coordinator_records_that_the_participant_leaves(story: Story) -> None:
    anna = story.at(COORDINATOR)
    anna.open("participants", story.participant)
    anna.follow("End the study")
    anna.choose("How did it end?", "Withdrawn")
    anna.fill_date("ended_on", today(story.trial.house(), SITE))
    anna.page.get_by_label("Why?").select_option(label="Participant's decision")
    anna.press("End the study")
    anna.sees("The end of the study is recorded.")


def member_declares_and_opens_both_papers(story: Story) -> None:
    member = story.at(MEMBER)
    member.follow(re.compile("declaration for meeting"))
    member.sees("This report opens to you when you have declared")
    expect(member.page.get_by_role("link", name="Open the closed report")).to_have_count(0)
    expect_refused(member, closed_paper(story))
    member.follow("Declare whether you have a conflict of interest")
    member.choose("Do you have a conflict of interest?", "No")
    member.press("Declare")
    member.sees("Your declaration is recorded.")
    for kind in ("open", "closed"):
        content = member.fetch(member.link(f"Open the {kind} report"))
        assert content.startswith(b"%PDF")
        story.papers[kind] = text_of(content)
        if kind == "open":
            member.sees(hashlib.sha256(content).hexdigest())
    assert "OPEN" in story.papers["open"]
    assert "CLOSED" in story.papers["closed"]
    assert all(re.search("cut-?off", text, re.IGNORECASE) for text in story.papers.values())


def closed_paper(story: Story) -> str:
    """Where the closed report lies, for somebody who was told by another."""
    with story.trial.house().database.session() as session:
        paper = session.exec(select(Paper).where(Paper.kind == PaperKind.CLOSED)).one()
    return story.trial.url("papers", paper.id, "closed.pdf")


def expect_refused(member: Visitor, address: str) -> None:
    """Nobody reads a paper before declaring."""
    answer = member.page.request.get(address)
    assert answer.status in (403, 409)
    assert not answer.body().startswith(b"%PDF")


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def others_of_the_board_vote(story: Story) -> None:
    """At their own places; the test of the board's pages covers theirs."""
    with story.trial.database.transaction() as session:
        meeting = meetings_of(session, story.trial.trial.id)[-1]
        for username in OTHER_MEMBERS:
            declaring = DeclareConflict(meeting_id=meeting.id, has_conflict=False, statement="None.")
            declare_conflict(session, story.trial.actor(session, username), declaring)
            voting = CastVote(meeting_id=meeting.id, recommendation="continue")
            cast_vote(session, story.trial.actor(session, username), voting)


def chair_signs_the_recommendation(story: Story) -> None:
    chair = story.at(CHAIR)
    chair.follow(re.compile("declaration for meeting"))
    chair.follow("Declare whether you have a conflict of interest")
    chair.choose("Do you have a conflict of interest?", "No")
    chair.press("Declare")
    chair.follow("Vote")
    chair.page.locator('[name="recommendation"][value="continue"]').check()
    chair.press("Vote")
    chair.follow("Today")
    chair.follow(re.compile("recommendation of meeting . to sign"))
    chair.follow("Sign the recommendation")
    chair.page.get_by_label("Words for the sponsor").fill("The board recommends to continue as planned.")
    chair.sign("Sign and send to the sponsor")
    chair.sees("The recommendation is signed and has gone to the sponsor.")


def sponsor_decides(story: Story) -> None:
    sponsor = story.at(SPONSOR)
    sponsor.follow("Recommendations")
    sponsor.follow(re.compile("^Decide on meeting"))
    sponsor.sees("The board recommends to continue as planned.")
    sponsor.page.locator('[name="answer"][value="accept"]').check()
    sponsor.page.get_by_label("Why?").fill("As the board recommends.")
    sponsor.press("Record the decision")
    sponsor.sees("The decision is recorded")
    expect(sponsor.page.get_by_role("link", name="Open the closed report")).to_have_count(0)


def everything_else_comes_to_its_end(story: Story) -> None:
    """Eight months on: what was not done is recorded as missed, and nothing stands in the way of the lock."""
    story.trial.clock.advance(UNTIL_EVERYTHING_IS_OVER)
    settle(story.trial.house())


def two_people_sign_the_lock(story: Story) -> None:
    stage = story.protocol.lock_stages[-1]
    for number, username in enumerate((MANAGER, STATISTICIAN)):
        signer = story.at(username)
        signer.follow("Locks")
        signer.follow(f"Checklist and signatures of {stage.name}")
        assert signer.page.get_by_text("Not signed yet").count() == 2 - number
        table = signer.page.get_by_role("table", name="Checklist")
        assert table.get_by_text("Settled").count() == table.locator("tbody tr").count(), table.inner_text()
        signer.sign(f"Sign the lock of {stage.name}")
        signer.sees("Your signature is recorded.")
        signer.sees("Locked" if number else "Signed once")


def statistician_has_a_dataset_built_and_makes_a_token(story: Story) -> None:
    karin = story.at(STATISTICIAN)
    karin.follow("Locks")
    karin.press(f"Build the dataset without treatments of {story.protocol.lock_stages[-1].name}")
    karin.sees("The dataset is being built.")
    wait_for_the_worker(karin)
    karin.page.get_by_role("table", name="Datasets").get_by_role("link").click()
    karin.page.wait_for_load_state()
    summary = karin.page.locator("dl.summary > div", has_text="SHA-256 of the manifest")
    story.manifest_sha256 = summary.locator("dd").inner_text().strip()
    karin.page.goto(f"{story.trial.address}/account")
    karin.follow("Make a token")
    karin.page.get_by_label("What will use it?").fill("Analysis server")
    karin.page.get_by_role("group", name="In which trial?").get_by_label(CODE).check()
    karin.page.get_by_label("Pull datasets without treatments").check()
    karin.sign("Make the token")
    story.token = karin.page.locator("pre#token").inner_text().strip()
    karin.page.goto(f"{story.trial.address}/account")
    assert story.token not in karin.page.content(), "a token is shown once"


def wait_for_the_worker(karin: Visitor) -> None:
    """The page is asked again until the worker beside the server has built it."""
    for _ in range(60):
        karin.open("datasets")
        if karin.page.get_by_role("table", name="Datasets").count():
            return
        karin.page.wait_for_timeout(500)
    raise AssertionError("the dataset was never built")


def pull(story: Story, folder: Path) -> Path:
    """With the command, as the statistician's script does it."""
    command = [Path(sys.executable).with_name("equipoise"), "pull", CODE]
    done = subprocess.run(
        [*command, "--server", story.trial.address, "--to", folder],
        env={**os.environ, "EQUIPOISE_TOKEN": story.token},
        capture_output=True,
        text=True,
        timeout=PULL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Every hash agrees." in done.stdout
    assert story.token not in done.stdout + done.stderr
    return folder


def every_hash_agrees_with_the_manifest(folder: Path, manifest_sha256: str) -> None:
    manifest = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == manifest_sha256, "the manifest is the one that the page names"
    files = json.loads(manifest)["files"]
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    assert found == set(files)
    assert any(path.endswith("adsl.parquet") for path in files)
    for path, facts in files.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == facts["sha256"], path


def nobody_blinded_saw_an_arm(story: Story) -> None:
    bodies = story.everything_seen(*BLINDED)
    assert len(bodies) > 40, "their browsers saw many pages"
    assert arms_in(story.protocol, bodies) == []
