"""Packs: the same bytes each time, formats that agree with each other, a manifest that finds every change."""

from __future__ import annotations

import io
import json

import polars as pl
import pyarrow.parquet as pq
import pyreadstat
import pytest

from reports.datasets import writers
from reports.datasets.manifest import MANIFEST, PackDoesNotMatch, canonical_json, check_pack
from reports.datasets.package import build_package
from reports.datasets.shapes import Variable, treatment_variables
from tests.reports.factory import make_context, make_snapshot, make_treatments


@pytest.fixture(scope="module")
def small():
    return make_snapshot(24, seed=11)


@pytest.fixture(scope="module")
def pack(small):
    return build_package(small, make_context(), "unblinded", make_treatments(small))


def xpt(content, tmp_path):
    path = tmp_path / "member.xpt"
    path.write_bytes(content)
    return pyreadstat.read_xport(str(path), output_format="polars")


def test_the_same_facts_give_the_same_bytes(small, pack):
    assert build_package(small, make_context(), "unblinded", make_treatments(small)) == pack


def test_rows_in_another_order_would_not_be_the_same_facts_but_frames_are_sorted_anyway(small, pack):
    shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=5) for name, frame in small.items()}
    again = build_package(shuffled, make_context(), "unblinded", make_treatments(small))
    assert again["sdtm/dm.csv"] == pack["sdtm/dm.csv"]
    assert again["adam/adsl.parquet"] == pack["adam/adsl.parquet"]


def test_the_three_formats_of_a_dataset_agree(pack, tmp_path):
    for name in ("sdtm/dm", "sdtm/ae", "adam/adsl", "adam/adqs"):
        parquet = pl.read_parquet(io.BytesIO(pack[f"{name}.parquet"]))
        text = pl.read_csv(io.BytesIO(pack[f"{name}.csv"]), infer_schema=False)
        transport, meta = xpt(pack[f"{name}.xpt"], tmp_path)
        assert text.columns == parquet.columns == list(transport.columns)
        assert text.height == parquet.height == transport.height
        assert transport["USUBJID"].to_list() == parquet["USUBJID"].to_list()
        labels = {f.name: f.metadata[b"label"].decode() for f in pq.read_schema(io.BytesIO(pack[f"{name}.parquet"]))}
        assert dict(meta.column_names_to_labels) == labels


def test_dates_survive_the_transport_file(pack, tmp_path):
    transport, _ = xpt(pack["adam/adsl.xpt"], tmp_path)
    parquet = pl.read_parquet(io.BytesIO(pack["adam/adsl.parquet"]))
    assert transport["RANDDT"].cast(pl.Date).to_list() == parquet["RANDDT"].to_list()


def test_the_transport_file_holds_no_time_of_its_making(pack):
    for path, content in pack.items():
        if path.endswith(".xpt"):
            assert content[144:160] == content[464:480] == writers.XPT_TIME


def test_a_text_too_long_for_transport_is_cut_at_a_whole_character_and_reported():
    frame = pl.DataFrame({"AETERM": ["é" * 150]})
    assert writers.too_long_for_xpt(frame) == ["AETERM"]
    content = writers.xpt_bytes("AE", frame, [Variable("AETERM", "text", "Term")])
    assert ("é" * 100).encode() in content
    assert ("é" * 101).encode() not in content


def test_the_manifest_lists_every_file_with_its_origin(pack):
    manifest = json.loads(pack[MANIFEST])
    assert set(manifest["files"]) == set(pack) - {MANIFEST}
    assert manifest["snapshot_hash"] == make_context().snapshot_hash
    assert manifest["protocol_versions"] == ["1.0", "1.1"]
    assert manifest["anchor"] == make_context().anchor
    assert manifest["files"]["sdtm/dm.csv"]["rows"] == 24
    assert manifest["files"]["sdtm/dm.csv"]["columns"][0] == {
        "name": "STUDYID",
        "type": "text",
        "label": "Study Identifier",
    }
    assert pack[MANIFEST] == canonical_json(manifest)


@pytest.mark.parametrize("change", ["edit", "remove", "add", "no manifest"])
def test_a_pack_that_was_changed_on_its_way_is_refused(pack, change):
    check_pack(pack)
    changed = dict(pack)
    if change == "edit":
        changed["adam/adsl.csv"] += b" "
    elif change == "remove":
        del changed["adam/adsl.csv"]
    elif change == "add":
        changed["adam/extra.csv"] = b""
    else:
        del changed[MANIFEST]
    with pytest.raises(PackDoesNotMatch):
        check_pack(changed)


def test_a_naive_pack_holds_no_treatment_and_no_infusion_domain(small):
    pack = build_package(small, make_context(), "naive")
    manifest = json.loads(pack[MANIFEST])
    columns = {c["name"] for entry in manifest["files"].values() for c in entry["columns"]}
    assert not columns & treatment_variables()
    assert manifest["withheld"]
    events = pl.read_parquet(io.BytesIO(pack["adam/adae.parquet"]))
    assert events["CQ01NAM"].null_count() == events.height
    for path in ("sdtm/vs", "adam/adinf", "adam/adguess"):
        assert manifest["files"][f"{path}.csv"]["rows"] == 0


def test_attack_counting_gaps_in_event_numbers_shows_nothing_of_what_is_withheld(small):
    pack = build_package(small, make_context(), "naive")
    events = pl.read_parquet(io.BytesIO(pack["sdtm/ae.parquet"]))
    assert events["AESPID"].to_list() == [str(n) for n in events["AESEQ"]]


def test_a_granted_infusion_domain_is_in_the_pack(small):
    pack = build_package(small, make_context(), "dummy", infusion_domain=True)
    manifest = json.loads(pack[MANIFEST])
    assert manifest["withheld"] == []
    assert manifest["files"]["sdtm/vs.csv"]["rows"] > 0
    arms = pl.read_parquet(io.BytesIO(pack["adam/adsl.parquet"]))["TRT01P"].drop_nulls()
    assert all(arm.startswith("DUMMY") for arm in arms)


def test_blinded_packs_are_the_same_whatever_the_true_arms_are(small):
    """The true arms are not an input, so no swap of them can reach a blinded pack."""
    assert build_package(small, make_context(), "dummy") == build_package(small, make_context(), "dummy")


def test_a_snapshot_of_any_shape_gives_a_whole_pack(case):
    snapshot, treatments = case
    check_pack(build_package(snapshot, make_context(), "unblinded", treatments))
