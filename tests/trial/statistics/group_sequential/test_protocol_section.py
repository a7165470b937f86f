import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trial.protocol.loader import shipped_protocol
from trial.protocol.schema.design import Design
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    FixedFutility,
    GroupSequentialDesign,
    HarmSpending,
    HaybittlePeto,
    Spending,
    WangTsiatis,
    equal_looks,
)
from trial.statistics.group_sequential.protocol_section import NotForAFile

SPENDINGS = st.sampled_from(
    [
        Spending("lan_demets_obrien_fleming"),
        Spending("lan_demets_pocock"),
        Spending("hwang_shih_decani", -4.0),
        Spending("kim_demets", 2.0),
        Spending("exponential", 0.75),
        Spending("stepwise", points=((0.5, 0.2), (0.8, 0.6))),
    ]
)
EFFICACY = SPENDINGS | st.sampled_from([WangTsiatis(0.0), WangTsiatis(0.5), WangTsiatis(0.2), HaybittlePeto(3.0)])
FUTILITY = st.none() | SPENDINGS | SPENDINGS.map(lambda s: HarmSpending(s, 0.1)) | st.just(FixedFutility((0.0, 0.5)))
BETAS = st.sampled_from([0.1, 0.2])
FLAGS = st.none() | st.just((True, False, True))


@settings(max_examples=60, deadline=None)
@given(
    efficacy=EFFICACY,
    futility=FUTILITY,
    binding=st.booleans(),
    e_looks=FLAGS,
    f_looks=FLAGS,
    beta=st.sampled_from([0.1, 0.2]),
)
def test_a_design_comes_back_from_a_protocol_file_as_it_was(efficacy, futility, binding, e_looks, f_looks, beta):
    design = GroupSequentialDesign(
        (0.4, 0.7, 1.0), efficacy, alpha=0.02, beta=beta, futility=futility, binding=binding and futility is not None,
        efficacy_looks=e_looks, futility_looks=f_looks,
    )  # fmt: skip
    section = design.to_protocol()
    assert GroupSequentialDesign.from_protocol(section) == design
    words = {"framework": "superiority", "structure": "parallel", "information": "participants with the outcome"}
    read = Design.model_validate(section | words)
    assert GroupSequentialDesign.from_protocol(read.model_dump()) == design


def test_a_two_sided_design_comes_back_with_its_wedge_and_takes_no_total():
    design = GroupSequentialDesign(
        equal_looks(3), WangTsiatis(0.0), sides=2, futility=Spending("lan_demets_pocock"), binding=True
    )
    section = design.to_protocol()
    assert GroupSequentialDesign.from_protocol(section) == design
    words = {"framework": "superiority", "structure": "parallel", "information": "all"}
    read = Design.model_validate(section | words)
    assert GroupSequentialDesign.from_protocol(read.model_dump()) == design
    with pytest.raises(ValidationError, match="its other side is the bound for harm"):
        Design.model_validate(section | words | {"futility": section["futility"] | {"total": 0.1}})


@pytest.mark.parametrize("name", ["keta-pain", "second"])
def test_the_shipped_protocols_give_designs(name):
    section = shipped_protocol(name).design
    design = GroupSequentialDesign.from_protocol(section.model_dump())
    assert design.information_fractions == section.information_fractions
    assert design.power == pytest.approx(section.power)


def test_a_section_that_says_too_little_is_refused_by_the_missing_name():
    with pytest.raises(OutOfRange, match="power is missing"):
        GroupSequentialDesign.from_protocol({})
    with pytest.raises(OutOfRange, match="gamma is missing"):
        GroupSequentialDesign.from_protocol(
            {"power": 0.9, "alpha_one_sided": 0.025, "efficacy": {"function": "hwang_shih_decani"}}
        )


def test_a_spending_function_given_as_code_cannot_stand_in_a_file():
    design = GroupSequentialDesign(equal_looks(2), lambda t, alpha: alpha * t)
    assert design.bounds.alpha_spent == pytest.approx([0.0125, 0.025], abs=1e-12)
    with pytest.raises(NotForAFile):
        design.to_protocol()
