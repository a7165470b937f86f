"""Each result of the statistics room has a table: the same numbers, rounded once, as text, as HTML and on paper."""

import io

import numpy as np
import pikepdf
import pytest

import trial.statistics as room
from reports.documents.blocks import table as on_paper
from reports.documents.page import Imprint, Marking, build_document
from reports.tables.endpoints import curves_table, endpoint_table, estimates_table
from tests.reports.tables.test_design_tables import Balanced

N = 60
RNG = np.random.default_rng(0)
ARM = ["a", "b"] * (N // 2)
Y, TIME, EVENT = RNG.normal(50, 5, N), RNG.exponential(5, N), RNG.integers(0, 2, N)
VISITS = Y[:, None] + RNG.normal(0, 3, (N, 3))
VISITS[5:9, 2] = np.nan
IMPUTED = room.impute(
    VISITS, ARM, reference="a", rng=np.random.default_rng(1), imputations=5, burn_in=5, between=2, unit="points"
)
CURVE = room.kaplan_meier(TIME, EVENT, unit="weeks")
RESULTS = {
    "ancova": room.ancova(Y, ARM, reference="a", covariates={"base": VISITS[:, 0]}, unit="points"),
    "mmrm": room.mmrm(
        VISITS.ravel(), participant=np.repeat(np.arange(N), 3), visit=np.tile([1, 2, 3], N), arm=np.repeat(ARM, 3),
        reference="a", unit="points",
    ),
    "curve": CURVE,
    "log-rank": room.log_rank(TIME, EVENT, ARM),
    "cox": room.cox(TIME, EVENT, ARM, reference="a"),
    "counts": room.count_model(RNG.poisson(2, N), np.ones(N), ARM, reference="a", unit="participant-year"),
    "difference": room.risk_difference(5, 20, 3, 20),
    "fisher": room.fisher(5, 20, 3, 20),
    "cmh": room.cochran_mantel_haenszel([5, 4], [20, 20], [3, 2], [20, 21]),
    "rate": room.event_rate(5, 20.0, unit="per infusion"),
    "pooled": room.compare_imputed(IMPUTED, ARM, visit=2, reference="a")["b"],
    "tipping": room.tipping_point(IMPUTED, ARM, visit=2, reference="a", shifted_arm="b", deltas=[0, 1, 2]),
    "forest": room.subgroup_forest(Y, ARM, reference="a", subgroups={"sex": ["f", "m", "m"] * 20}, unit="points"),
    "bang": room.bang_index(room.ArmGuesses(5, 4, 3)),
    "posterior": room.rate_posterior(2, 20, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_is_a_table_as_text_and_as_html_that_names_its_method(name):
    result = RESULTS[name]
    table = endpoint_table(result, "Table 1")
    assert table.rows
    assert result.method.split(";")[0].lower() in table.as_text().lower()
    page = Balanced()
    page.feed(table.as_html())
    assert page.open == []
    assert "nan" not in table.as_text()


@pytest.mark.parametrize("name", ["ancova", "mmrm", "curve", "forest", "tipping", "pooled", "rate"])
def test_a_result_with_a_unit_says_it_in_its_table_and_in_print(name):
    unit = RESULTS[name].unit
    assert unit
    assert unit in endpoint_table(RESULTS[name]).as_text()
    assert unit in str(RESULTS[name])


def test_every_table_goes_to_paper():
    story = [flowable for result in RESULTS.values() for flowable in on_paper(endpoint_table(result, "Table 1"))]
    data = build_document(story, Marking("Endpoints", "Statistics"), Imprint("", "", ""))
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert len(pdf.pages) >= 2


def test_the_rows_of_an_ancova_are_its_numbers():
    text = endpoint_table(RESULTS["ancova"]).as_text()
    contrast = RESULTS["ancova"].contrast
    assert f"{contrast.standard_error:.4g}" in text
    assert f"{contrast.df:.4g}" in text
    assert "intercept" in text


def test_estimates_stand_beside_one_another_with_their_methods_below():
    found = {method: room.risk_difference(5, 20, 3, 20, method=method) for method in ("newcombe", "mee")}
    text = estimates_table(found, "Table 2", "Responders").as_text()
    assert "newcombe | 0.1 |" in text
    assert "Mee score interval." in text


def test_curves_stand_beside_one_another_and_nothing_is_said_past_the_last_observation():
    short = room.kaplan_meier([1.0, 2.0, 3.0], [1, 0, 0])
    table = curves_table({"short": short, "all": CURVE}, [0.0, 2.5, 4.0])
    assert table.rows[1].cells[1] == "1"
    assert table.rows[2].cells[1:3] == ("0", "–")
    assert table.rows[2].cells[3] != "0"
    assert "Time in weeks." in table.footnotes


def test_what_is_no_result_has_no_table():
    with pytest.raises(TypeError, match="There is no table for a int"):
        endpoint_table(3)


def test_the_arrays_of_a_result_cannot_be_changed():
    for values in (CURVE.survival, RESULTS["mmrm"].sigma, IMPUTED.values):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1.0
