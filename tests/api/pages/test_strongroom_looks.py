"""The pages of lists, of a trial without kits and of a code sent to a physician: readable by everybody, within their width."""

from playwright.sync_api import Browser

from randomization.ledger.allocation_lists import lists_of
from tests.support.doors import COOKIE, open_doors
from tests.support.house import House
from tests.support.looks import examiner, troubles
from tests.support.participants import order, participant
from tests.support.randomization import designed_list, randomized, sealed_list
from tests.support.variants import variant
from tests.support.walk import done, fill


def test_every_page_can_be_read_by_everybody_and_holds_in_its_width(database, clock, chromium: Browser):
    house = House.build(database, clock, loaded=variant(kits=False, code_to="treating_physician"))
    sealed_list(house)
    designed_list(house, sites=("S1",), stage="envelopes_s1", slots=6)
    one = randomized(house)
    code = participant(house, one).code
    order(house, one, 1)
    with house.database.session() as session:
        waiting, sealed = lists_of(session, house.trial.id)
    with open_doors(house) as doors:
        with doors.client("pharmacist-unblinded-s1") as pharmacist:
            sheet = done(fill(pharmacist, "/t/TEST-1/preparations"))
        home = f"/t/TEST-1/participants/{code}"
        sights = {
            "": ["/treating-physician"],
            "statistician-randomization": ["/t/TEST-1", "/t/TEST-1/allocation-lists",
                                           f"/t/TEST-1/allocation-lists/{sealed.id}"],
            "statistician-unblinded": ["/t/TEST-1", f"/t/TEST-1/allocation-lists/{waiting.id}"],
            "investigator-s1": [f"{home}/code-break", f"{home}/code-break/report"],
            "pharmacist-unblinded-s1": ["/t/TEST-1", sheet],
            "coordinator-s1": [f"{home}/receipt?done=randomized", "/t/TEST-1/stock"],
            "infusion-nurse-s1": [f"{home}/infusions/1", "/t/TEST-1/bags"],
            "medical-monitor": ["/t/TEST-1/unblindings"],
        }  # fmt: skip
        wrong: list[str] = []
        for who, paths in sights.items():
            with examiner(chromium) as context:
                if who:
                    context.add_cookies([{"name": COOKIE, "value": doors.session_token(who), "url": doors.address}])
                page = context.new_page()
                for path in paths:
                    answer = page.goto(doors.address + path)
                    assert answer is not None
                    wrong += [] if answer.status == 200 else [f"{who} {path}: {answer.status}"]
                    wrong += troubles(page, f"{who} {path}")
    assert not wrong, "\n".join(wrong)
