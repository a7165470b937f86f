"""Every scheme from the protocol file to a sealed list, and what a designer may add to each."""

import pytest

from randomization.ledger.allocation_lists import StratumExhausted
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.rehearsal import rehearse_restore
from randomization.ledger.sealed_matter import open_matter, open_slots
from randomization.lists import ListDesignInvalid, UploadedListInvalid
from randomization.unblinding.opening import sealed_lists
from tests.support.house import House
from tests.support.randomization import designed_list, randomized, sealed_list, stocked, true_arms
from trial.database.session import strongroom
from trial.protocol.loader import LoadedProtocol, ProtocolInvalid, parse_protocol, shipped_text

BLOCKS = "scheme: {name: permuted_blocks, sizes: random}"
FACTORS = ("opioid_use", "pain_type")


def keta(scheme: str, *changes: tuple[str, str]) -> LoadedProtocol:
    """The shipped trial with another scheme."""
    text = shipped_text("keta-pain")
    for old, new in ((BLOCKS, f"scheme: {scheme}"), *changes):
        assert old in text
        text = text.replace(old, new, 1)
    return parse_protocol(text)


def uploaded(slots: int = 4, **at_site: int) -> str:
    """As REDCap's users make it: numbers for codes, the site as a data access group. A site may have another number of slots."""
    rows = ["redcap_randomization_number,redcap_randomization_group,opioid_use,pain_type,redcap_data_access_group"]
    for site, count in {"S1": slots, "S2": slots, **at_site}.items():
        for opioid in ("yes", "no"):
            for pain in ("neuropathic", "nociplastic", "nociceptive_or_mixed"):
                rows += [f"{len(rows) + place},{1 + place % 2},{opioid},{pain},{site}" for place in range(count)]
    return "\r\n".join(rows) + "\r\n"


CODES = {"redcap_randomization_group": {"1": "KET", "2": "PBO"}}


@pytest.mark.parametrize(
    ("scheme", "under_seal"),
    [
        ("{name: complete}", {"slots": 9}),
        ("{name: random_allocation_rule}", {"slots": 8}),
        ("{name: biased_coin, probability: 2/3}", {"slots": 9}),
        ("{name: urn, start: 1}", {"slots": 9}),
        ("{name: big_stick}", {"slots": 9, "limit": 3}),
        ("{name: block_urn}", {"slots": 9, "limit": 2}),
        ("{name: maximal_procedure}", {"slots": 8, "limit": 2}),
        ("{name: uploaded_list}", {"uploaded": uploaded(), "codes": CODES}),
    ],
    ids=lambda one: one.split()[1].strip(",}") if isinstance(one, str) else "",
)
def test_a_scheme_of_the_protocol_makes_a_list_that_randomizes(database, clock, scheme, under_seal):
    house = House.build(database, clock, loaded=keta(scheme))
    made = sealed_list(house, blocks=(), **under_seal)
    stocked(house)
    randomized(house)
    (arm,) = true_arms(house).values()
    assert arm in {"KET", "PBO"}
    assert made.scheme == scheme.split()[1].strip(",}")
    with house.database.transaction() as session:
        assert [one.id for one in sealed_lists(session, house.trial.id)] == [made.id]


def test_an_uploaded_list_is_sealed_as_it_was_uploaded(database, clock):
    house = House.build(database, clock, loaded=keta("{name: uploaded_list}"))
    made = sealed_list(house, blocks=(), uploaded=uploaded(), codes=CODES)
    with house.database.transaction() as session, strongroom(session):
        matter = open_matter(session, made)
        arms = [slot.arm for _, _, slot in open_slots(session, matter.key, made.id)]
    assert arms == ["KET", "PBO"] * 24


def test_each_stratum_of_an_uploaded_list_ends_where_its_own_slots_end(database, clock):
    house = House.build(database, clock, loaded=keta("{name: uploaded_list}"))
    sealed_list(house, blocks=(), uploaded=uploaded(S1=2, S2=8), codes=CODES)
    stocked(house)
    randomized(house)
    randomized(house)
    with pytest.raises(StratumExhausted):
        randomized(house)
    with database.transaction() as session:
        assert {one.left for one in stratum_levels_of(session, house.trial.id)} == {0, 2, 8}
        assert rehearse_restore(session).slots == 11
    sealed_list(house, blocks=(), uploaded=uploaded(), codes=CODES)
    randomized(house)


@pytest.mark.parametrize(
    ("scheme", "under_seal", "sentence"),
    [
        ("{name: complete}", {"slots": 8, "limit": 2}, "takes no limit of imbalance"),
        ("{name: complete}", {}, "needs slots for each stratum"),
        ("{name: big_stick}", {"slots": 8}, "needs a limit"),
        ("{name: big_stick}", {"slots": 8, "limit": 0}, "limit must be"),
        ("{name: maximal_procedure}", {"slots": 7, "limit": 2}, "multiple of 2"),
        ("{name: random_allocation_rule}", {"slots": 7}, "multiple of 2"),
        ("{name: uploaded_list}", {"slots": 8, "uploaded": "x"}, "takes no"),
        ("{name: uploaded_list}", {}, "needs an uploaded list"),
        ("{name: permuted_blocks, sizes: fixed}", {"blocks": (4,), "slots": 8, "uploaded": "x"}, "takes no"),
    ],
)
def test_what_a_scheme_lacks_or_does_not_know_is_refused_by_name(database, clock, scheme, under_seal, sentence):
    house = House.build(database, clock, loaded=keta(scheme))
    with pytest.raises(ListDesignInvalid, match=sentence):
        designed_list(house, **{"blocks": ()} | under_seal)


def test_a_wrong_upload_is_refused_by_line_and_column(database, clock):
    house = House.build(database, clock, loaded=keta("{name: uploaded_list}"))
    with pytest.raises(UploadedListInvalid, match=r"line 3, redcap_randomization_group: '2' is no code of an arm"):
        designed_list(house, blocks=(), uploaded=uploaded(), codes={"redcap_randomization_group": {"1": "KET"}})


TWO_TO_ONE = ("ratio: {KET: 1, PBO: 1}", "ratio: {KET: 2, PBO: 1}")


@pytest.mark.parametrize(
    ("scheme", "changes", "field", "sentence"),
    [
        ("{name: biased_coin}", [TWO_TO_ONE], "randomization.scheme.name", "two arms at 1:1 only"),
        ("{name: big_stick}", [TWO_TO_ONE], "randomization.scheme.name", "two arms at 1:1 only"),
        ("{name: maximal_procedure}", [TWO_TO_ONE], "randomization.scheme.name", "two arms at 1:1 only"),
        ("{name: urn}", [TWO_TO_ONE], "randomization.scheme.name", "equal ratios only"),
        ("{name: biased_coin, probability: 0.4}", [], "randomization.scheme.probability", "[1/2, 1]"),
        ("{name: biased_coin, probability: 4/3}", [], "randomization.scheme.probability", "[1/2, 1]"),
        ("{name: biased_coin, probability: often}", [], "randomization.scheme.probability", ""),
        ("{name: big_stick, limit: 3}", [], "randomization.scheme", "limit is no part of a protocol"),
        ("{name: block_urn, lambda: 3}", [], "randomization.scheme", "lambda is no part of a protocol"),
        ("{name: maximal_procedure, mti: 3}", [], "randomization.scheme", "mti is no part of a protocol"),
        ("{name: urn, start: -1}", [], "randomization.scheme.start", "greater than or equal to 0"),
        ("{name: urn, added: 0}", [], "randomization.scheme.added", "greater than or equal to 1"),
        ("{name: coin}", [], "randomization.scheme", "expected tags"),
        ("{name: complete, sizes: random}", [], "randomization.scheme.sizes", "is not a field"),
        (
            "{name: minimization, distance: range, probability_of_best: 0.4}",
            [],
            "randomization.scheme.probability_of_best",
            "at least 1/2",
        ),
        (
            "{name: minimization, distance: range, probability_of_best: 0.8,"
            " weights: [{factor: site, weight: 1}, {factor: site, weight: 2}]}",
            [],
            "randomization.scheme.weights[1]",
            "named twice",
        ),
    ],
)
def test_a_scheme_that_does_not_fit_the_trial_is_refused_with_line_and_field(scheme, changes, field, sentence):
    with pytest.raises(ProtocolInvalid) as refused:
        keta(scheme, *changes)
    line = next(number for number, text in enumerate(shipped_text("keta-pain").splitlines(), start=1) if BLOCKS in text)
    found = [(problem.line, problem.field) for problem in refused.value.problems if sentence in problem.sentence]
    assert any(where == line and name.startswith(field) for where, name in found), refused.value.sentence


DAYS = "  within_days_of_eligibility: 7\n"
LATER = DAYS + "  further: [{code: second, label: Second stage, from_visit: INF3, ratio: {KET: 2, PBO: 1}}]\n"


@pytest.mark.parametrize(
    ("scheme", "sentence"),
    [
        ("{name: biased_coin}", "biased_coin is defined for two arms at 1:1 only"),
        ("{name: big_stick}", "big_stick is defined for two arms at 1:1 only"),
        ("{name: maximal_procedure}", "maximal_procedure is defined for two arms at 1:1 only"),
        ("{name: urn}", "urn is defined for equal ratios only"),
    ],
)
def test_a_further_stage_whose_ratio_the_scheme_cannot_take_is_refused_by_its_field(scheme, sentence):
    with pytest.raises(ProtocolInvalid) as refused:
        keta(scheme, (DAYS, LATER))
    (problem,) = refused.value.problems
    assert problem.field == "randomization.further[0].ratio"
    assert problem.sentence.startswith(sentence)
    assert problem.sentence.endswith("change this ratio, leave it out, or choose another scheme for the trial")
    assert keta(scheme, (DAYS, LATER.replace("KET: 2", "KET: 1"))).protocol.stage("second").ratio


def test_a_stage_with_fewer_seats_asks_for_a_higher_probability_than_the_trial():
    """Among three seats 0.4 is a preference, among the two of the second stage it is none."""
    text = shipped_text("second").replace("probability_of_best: 0.80", "probability_of_best: 0.40", 1)
    days = "  within_days_of_eligibility: 3\n"
    later = days + "  further: [{code: second, label: Second, from_visit: W2, ratio: {DUL30: 1, PBO: 1}}]\n"
    assert parse_protocol(text).protocol.randomization.scheme.name == "minimization"
    with pytest.raises(ProtocolInvalid, match="preferred seat of 2 needs a probability of at least 1/2"):
        parse_protocol(text.replace(days, later, 1))


def test_every_factor_may_be_left_out_and_the_site_too(database, clock):
    """A list of one stratum."""
    text = shipped_text("keta-pain").replace("site_is_factor: true", "site_is_factor: false", 1)
    house = House.build(database, clock, loaded=parse_protocol(text))
    made = sealed_list(house, slots=12)
    assert made.slots_per_stratum == 12
