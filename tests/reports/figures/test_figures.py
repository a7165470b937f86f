"""Figures: vectors, the same bytes, a sentence for each, nothing left changed behind."""

from __future__ import annotations

import io

import matplotlib as mpl
import pypdf
import pytest

from reports.analyses.disposition import participant_flow
from reports.analyses.efficacy import efficacy
from reports.analyses.enrolment import enrolment
from reports.analyses.groups import by_arm, pooled
from reports.analyses.harms import harms
from reports.analyses.harms.first_events import SPECIAL, first_events
from reports.analyses.harms.severity import severity_points
from reports.analyses.infusions import courses
from reports.analyses.interim import interim_looks
from reports.documents.common import all_frames
from reports.figures.bounds import bounds_picture
from reports.figures.canvas import as_pdf, as_svg
from reports.figures.course import course_picture
from reports.figures.dots import dot_picture
from reports.figures.enrolment import enrolment_picture
from reports.figures.first_events import first_events_picture
from reports.figures.flow import flow_picture
from reports.figures.severity import severity_picture

ARMS = by_arm(("A", "B"))


def draw(name, snapshot, treatments, context):
    frames = all_frames(snapshot, context, "unblinded", treatments)
    plan = context.plan
    if name == "enrolment":
        return enrolment_picture(enrolment(frames, snapshot["sites"], context))
    if name == "flow":
        return flow_picture(participant_flow(frames, plan, ARMS))
    if name == "pooled flow":
        return flow_picture(participant_flow(frames, plan, pooled()))
    if name == "bounds":
        primary = efficacy(frames, plan, ARMS, plan.primary_domain, plan.primary_visit, reference="B")
        return bounds_picture(interim_looks(primary, context, oriented=True)[0])
    if name == "dots":
        return dot_picture(harms(frames, plan, ARMS))
    if name == "first events":
        return first_events_picture(first_events(frames, ARMS, SPECIAL))
    if name == "severity":
        return severity_picture(severity_points(frames, ARMS))
    return course_picture(courses(frames, ARMS, ("SYSBP",)), "Systolic blood pressure", "mmHg")


NAMES = ("enrolment", "flow", "pooled flow", "bounds", "dots", "first events", "severity", "course")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_the_same_twice_and_has_no_pixels(name, snapshot, treatments, context):
    pdf = as_pdf(draw(name, snapshot, treatments, context))
    assert pdf == as_pdf(draw(name, snapshot, treatments, context))
    page = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]
    assert not list(page.images)
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_sentence_and_an_svg_for_pages(name, snapshot, treatments, context):
    picture = draw(name, snapshot, treatments, context)
    assert len(picture.alt) > 30
    svg = as_svg(picture).decode()
    assert svg.startswith("<?xml")
    assert "<image" not in svg
    assert as_svg(draw(name, snapshot, treatments, context)).decode() == svg


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_any_snapshot_can_be_drawn(name, case, context):
    snapshot, treatments = case
    assert as_pdf(draw(name, snapshot, treatments, context)).startswith(b"%PDF")


def test_drawing_leaves_the_librarys_settings_as_they_were(snapshot, treatments, context):
    before = dict(mpl.rcParams)
    as_pdf(draw("enrolment", snapshot, treatments, context))
    assert dict(mpl.rcParams) == before


def test_the_flow_says_its_numbers_in_words(snapshot, treatments, context):
    picture = draw("flow", snapshot, treatments, context)
    frames = all_frames(snapshot, context, "unblinded", treatments)
    flow = participant_flow(frames, context.plan, ARMS)
    assert f"{flow.randomized} randomized" in picture.alt
    text = pypdf.PdfReader(io.BytesIO(as_pdf(picture))).pages[0].extract_text()
    assert f"Assessed for eligibility (n = {flow.assessed})" in text
