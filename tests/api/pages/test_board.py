"""The board through its own doors: declare, read both papers, vote, sign; and what nobody else is shown."""

import hashlib

import pytest
from sqlmodel import select

from randomization.unblinding.register import Unblinding
from tests.support.board import CHAIR, QUORATE
from tests.support.doors import Doors
from tests.support.house import PASSWORD
from tests.support.scenes import BoardScene, board_scene
from trial.oversight.papers import openings_of
from trial.oversight.recommendations import Recommendation


@pytest.fixture
def scene(doors: Doors) -> BoardScene:
    return board_scene(doors.house, declared=tuple(seat for seat in QUORATE if seat != CHAIR))


def at(scene: BoardScene, *parts: str) -> str:
    return "/".join([f"/t/TEST-1/meetings/{scene.meeting.id}", *parts])


def paper(scene: BoardScene, kind: str) -> str:
    found = scene.open_paper if kind == "open" else scene.closed_paper
    return f"/t/TEST-1/papers/{found.id}/{kind}.pdf"


def test_no_paper_opens_before_the_declaration(doors: Doors, scene: BoardScene):
    with doors.client("dsmb-chair") as chair:
        assert chair.get(paper(scene, "open")).status_code == 403
        assert chair.get(paper(scene, "closed")).status_code == 403
        shown = chair.get(at(scene)).text
    assert "Closed report" in shown
    assert ".pdf" not in shown


def test_a_member_declares_and_reads_both_papers_byte_for_byte(doors: Doors, scene: BoardScene):
    with doors.client("dsmb-chair") as chair:
        assert chair.send_form(at(scene, "declaration"), has_conflict="no").status_code == 303
        for kind, expected in (("open", scene.open_bytes), ("closed", scene.closed_bytes)):
            answer = chair.get(paper(scene, kind))
            assert answer.content == expected
            assert answer.headers["content-disposition"].startswith("inline")
            assert answer.headers["etag"] == f'"{hashlib.sha256(expected).hexdigest()}"'
        told = chair.get(at(scene)).text
    assert paper(scene, "closed") in told
    assert "Dsmb-Chair, 2 Mar 2026" in told
    with doors.house.database.session() as session:
        assert len(openings_of(session, scene.closed_paper.id)) == 1
        assert session.exec(select(Unblinding)).all()


def test_a_member_with_a_conflict_says_which_and_takes_no_part(doors: Doors, scene: BoardScene):
    with doors.client("dsmb-chair") as chair:
        silent = chair.send_form(at(scene, "declaration"), has_conflict="yes", statement="")
        assert silent.status_code == 422
        assert 'value="yes" checked' in silent.text
        assert (
            chair.send_form(at(scene, "declaration"), has_conflict="yes", statement="I own shares.").status_code == 303
        )
        assert chair.get(paper(scene, "closed")).status_code == 403
        assert "Recused" in chair.get(at(scene)).text


def test_the_closed_paper_has_no_trace_on_the_page_of_whoever_may_not_read_it(doors: Doors, scene: BoardScene):
    for username in ("sponsor", "data-manager", "statistician-blinded", "inspector"):
        with doors.client(username) as client:
            page = client.get(at(scene))
            assert page.status_code == 200
            assert hashlib.sha256(scene.closed_bytes).hexdigest() not in page.text
            assert "losed report" not in page.text
            assert "Members present" not in page.text
            assert client.get(paper(scene, "closed")).status_code == 403


def test_a_closed_paper_is_not_served_under_the_open_address(doors: Doors, scene: BoardScene):
    with doors.client("sponsor") as sponsor:
        assert sponsor.get(f"/t/TEST-1/papers/{scene.closed_paper.id}/open.pdf").status_code == 404


def test_the_chair_signs_what_the_board_voted_and_the_sponsor_hears_of_it(doors: Doors, scene: BoardScene):
    scene.board.vote(scene.meeting.id, {seat: "continue" for seat in QUORATE if seat != CHAIR})
    with doors.client("dsmb-chair") as chair:
        chair.send_form(at(scene, "declaration"), has_conflict="no")
        assert chair.send_form(at(scene, "vote"), recommendation="continue").status_code == 303
        fields = {"recommendation": "continue", "text": "No concern.", "idempotency_key": "0123456789"}
        wrong = chair.send_form(at(scene, "recommendation"), password="not my password", **fields)
        assert wrong.status_code == 401
        assert "No concern." in wrong.text
        assert "not my password" not in wrong.text
        assert chair.send_form(at(scene, "recommendation"), password=PASSWORD, **fields).status_code == 303
    with doors.client("sponsor") as sponsor:
        home = sponsor.get("/t/TEST-1").text
        assert "recommendation of the board to decide" in home
        assert "The board has made a recommendation" in home
        assert "No concern." in sponsor.get("/t/TEST-1/recommendations").text


def test_against_the_votes_nothing_is_signed_and_the_words_are_kept(doors: Doors, scene: BoardScene):
    scene.board.declare(scene.meeting.id, (CHAIR,))
    scene.board.vote(scene.meeting.id, dict.fromkeys(QUORATE, "continue"))
    with doors.client("dsmb-chair") as chair:
        answer = chair.send_form(
            at(scene, "recommendation"),
            recommendation="stop_dosing",
            text="Kept words",
            idempotency_key="0123456789",
            password=PASSWORD,
        )
    assert answer.status_code == 409
    assert "Kept words" in answer.text
    with doors.house.database.session() as session:
        assert session.exec(select(Recommendation)).all() == []


def test_a_meeting_of_another_trial_is_not_found_here(doors: Doors, scene: BoardScene):
    with doors.client("dsmb-chair") as chair:
        assert chair.get(f"/t/TEST-1/meetings/{scene.open_paper.id}").status_code == 404


def test_a_member_does_it_in_a_browser(doors: Doors, scene: BoardScene, page):
    doors.sign_in(page, "dsmb-chair", at_once=True)
    page.get_by_role("link", name="declaration for meeting 1").click()
    page.get_by_role("link", name="Declare whether you have a conflict of interest").click()
    page.get_by_label("No", exact=True).check()
    page.get_by_role("button", name="Declare").click()
    assert page.get_by_role("status").filter(has_text="Your declaration is recorded").is_visible()
    page.get_by_role("link", name="Vote").click()
    page.get_by_label("Continue unchanged").check()
    page.get_by_role("button", name="Vote").click()
    assert page.get_by_text("You can change it until the recommendation is signed").is_visible()


def test_the_unblinded_statistician_takes_a_cut_off_and_asks_for_a_report(doors: Doors, scene: BoardScene):
    with doors.client("statistician-unblinded") as builder:
        taken = builder.send_form("/t/TEST-1/cutoffs", purpose="First look", idempotency_key="0123456789")
        assert taken.status_code == 303
        form = builder.get(at(scene, "reports")).text
        cutoff = form.split('<option value="')[1].split('"')[0]
        assert builder.send_form(at(scene, "reports"), cutoff_id=cutoff).status_code == 422
        assert builder.send_form(at(scene, "reports"), cutoff_id=cutoff, kind="closed").status_code == 303
    with doors.client("data-manager") as other:
        assert other.send_form(at(scene, "reports"), cutoff_id=cutoff, kind="closed").status_code == 403
