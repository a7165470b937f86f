"""The scan for arms can fail: without this, its silence elsewhere would prove nothing."""

from tests.e2e.arms import arms_in
from trial.protocol.loader import load_shipped


def test_the_scan_for_arms_finds_one_and_leaves_the_protocols_own_sentences():
    protocol = load_shipped("keta-pain").protocol
    title, arm = protocol.identity.title, protocol.arms[0]
    pages = {
        "title": f"<h1>{title}</h1>",
        "code": f"<td>{arm.code}</td>",
        "lot": f"{arm.code}-2703S1",
        "name": f"<b>{arm.name}</b>",
    }
    assert [where for where, _ in arms_in(protocol, pages)] == ["code", "lot", "name"]


def test_the_scan_finds_what_the_protocol_says_of_an_arm_itself():
    protocol = load_shipped("keta-pain").protocol
    arm = protocol.arms[0]
    pages = {"treatment": f"<dd>{arm.treatment}</dd>", "product": f"<dt>{arm.preparation.product}</dt>"}
    assert [where for where, _ in arms_in(protocol, pages)] == ["treatment", "product"]
