"""What conditions are asked of: the last that is recorded, answers and scores together."""

from tests.support.house import House
from tests.support.participants import consented
from trial.access.actions import Action
from trial.conduct.casebooks import open_for
from trial.conduct.forms import FormRecord
from trial.conduct.outcomes import EnteredBy, Outcome
from trial.conduct.queries import DataDomain
from trial.conduct.recorded import recorded_at


def recorded(house: House, *, forms: dict[tuple[str, str], dict], scores: dict[tuple[str, str, int], float]):
    """What two visits know, the second being later, after these answers and scores of a total were stored."""
    who = consented(house)
    with house.database.transaction() as session:
        casebook = open_for(session, house.actor(session, "coordinator", "S1"), Action.SCREENING_RECORDED, who)
        some = {"domain": next(iter(DataDomain))}
        for (visit, form), answers in forms.items():
            made = {**casebook.stamp(session), **some, "performed_on": casebook.today}
            session.add(FormRecord(**made, visit=visit, form=form, answers=answers))
        for (visit, instrument, repeat), score in scores.items():
            made = {**casebook.stamp(session), **some, "answered_on": casebook.today, "answers": {}}
            made |= {"instrument_version": "1", "entered_by": next(iter(EnteredBy)), "repeat": repeat}
            total = [{"domain": "total", "score": score}]
            session.add(Outcome(**made, visit=visit, instrument=instrument, scores=total))
        session.flush()
        return recorded_at(session, casebook, ["M1", "M3"])


def test_the_later_visit_counts_and_what_it_leaves_out_stays(house: House):
    forms = {("M3", "labs"): {"alt": 2}, ("M1", "labs"): {"alt": 1, "ast": 7}, ("SCR", "labs"): {"alt": 9, "bili": 9}}
    assert recorded(house, forms=forms, scores={}) == {("labs", "alt"): 2, ("labs", "ast"): 7}


def test_the_last_administration_of_the_later_visit_counts(house: House):
    scores = {("M3", "pain", 2): 3.0, ("M3", "pain", 1): 5.0, ("M1", "pain", 4): 8.0}
    assert recorded(house, forms={}, scores=scores) == {("pain", "total"): 3.0}


def test_a_score_counts_over_an_answer_of_the_same_name(house: House):
    found = recorded(house, forms={("M3", "pain"): {"total": 1.0}}, scores={("M1", "pain", 1): 9.0})
    assert found == {("pain", "total"): 9.0}
