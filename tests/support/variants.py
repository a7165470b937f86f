"""The shipped protocol with one thing or another written differently."""

from __future__ import annotations

import re
from functools import cache

from trial.protocol.loader import LoadedProtocol, load_protocol, shipped_text

_SUPPLY = r"  kit: [^\n]*\n  units_per_kit: 5\n  dispensed_at: \[INF1\]\n  replacements_numbered_apart: true\n"

_THIRD_ARM = """  - code: MID
    name: Midazolam
    role: comparator
    treatment: Midazolam 0.045 mg/kg IV, same volume (100 mL), rate (150 mL/h), colour, tubing and label
    preparation: {product: Midazolam 1 mg/mL, mg_per_kg: 0.045, stock_mg_per_ml: 1, cap_mg: 4.5, diluent: Sodium chloride 0.9 %}
"""


@cache
def variant(
    *,
    ratio: str = "",
    kits: bool = True,
    code_to: str = "",
    dictionary: str = "",
    pauses: bool = False,
    told: bool = False,
    version: str = "",
    second_stage_after: str = "",
    scheme: str = "",
    third_arm: bool = False,
    replaces: str = "",
) -> LoadedProtocol:
    """``ratio`` as YAML; without ``kits`` the pharmacist prepares; ``code_to``: who is shown an emergency break.

    ``dictionary`` as YAML; ``pauses``: a related death pauses recruitment; ``told``: everybody sees it;
    ``version`` makes it an amendment; ``scheme`` as YAML; ``third_arm``: MID is allocated too, and stands in ``ratio``;
    ``second_stage_after``: the visit after which everybody is randomized again; ``replaces``: the rule of replacements as YAML.
    """
    text = shipped_text("keta-pain")
    if ratio:
        text = _changed(text, r"ratio: \{KET: 1, PBO: 1\}", f"ratio: {ratio}")
    if scheme:
        text = _changed(text, r"  scheme: \{name: permuted_blocks, sizes: random\}", f"  scheme: {scheme}")
    if third_arm:
        text = _changed(text, r"\nratio: ", f"{_THIRD_ARM}\nratio: ")
        text = _changed(text, r"arms_shown_as: \[A, B\]", "arms_shown_as: [A, B, C]")
    if not kits:
        text = _changed(text, _SUPPLY, "  numbered_kits: false\n")
    if code_to:
        text = _changed(text, r"  level: double\n", f"  level: double\n  emergency_code_to: {code_to}\n")
    if dictionary:
        text = _changed(text, r'dictionary: \{name: CTCAE, version: "6.0"\}', f"dictionary: {dictionary}")
    if pauses or told:
        rule = r"text: Any related death, events: fatal, of_one_kind: false, count: 1\}"
        text = _changed(text, rule, f"{rule[:-2]}, seen_by: everybody, pauses_recruitment: {str(pauses).lower()}}}")
    if second_stage_after:
        stage = f"  further: [{{code: second, label: Second stage, from_visit: {second_stage_after}}}]\n"
        text = _changed(text, r"  within_days_of_eligibility: 7\n", f"  within_days_of_eligibility: 7\n{stage}")
    if version:
        text = _changed(text, r'  version: "1.0"\n  dated', f'  version: "{version}"\n  supersedes: "1.0"\n  dated')
    if replaces:
        text = _changed(
            text, r"  site_cap_fraction: 0.40\n", f"  site_cap_fraction: 0.40\n  replacements: {replaces}\n"
        )
    return load_protocol(text)


def without_kits() -> LoadedProtocol:
    """A trial in which the unblinded pharmacist prepares each dose."""
    return variant(kits=False)


def _changed(text: str, what: str, to: str) -> str:
    changed, found = re.subn(what, to, text)
    assert found == 1, "the shipped protocol is written in another way now"
    return changed
