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
    death = r"text: Any related death, events: fatal, of_one_kind: false, count: 1\}"
    cap, days = "  site_cap_fraction: 0.40\n", "  within_days_of_eligibility: 7\n"
    second = f"  further: [{{code: second, label: Second stage, from_visit: {second_stage_after}}}]\n"
    changes = (
        (ratio, r"ratio: \{KET: 1, PBO: 1\}", f"ratio: {ratio}"),
        (scheme, r"  scheme: \{name: permuted_blocks, sizes: random\}", f"  scheme: {scheme}"),
        (third_arm, r"\nratio: ", f"{_THIRD_ARM}\nratio: "),
        (third_arm, r"arms_shown_as: \[A, B\]", "arms_shown_as: [A, B, C]"),
        (not kits, _SUPPLY, "  numbered_kits: false\n"),
        (code_to, r"  level: double\n", f"  level: double\n  emergency_code_to: {code_to}\n"),
        (dictionary, r'dictionary: \{name: CTCAE, version: "6.0"\}', f"dictionary: {dictionary}"),
        (pauses or told, death, f"{death[:-2]}, seen_by: everybody, pauses_recruitment: {str(pauses).lower()}}}"),
        (second_stage_after, days, f"{days}{second}"),
        (version, r'  version: "1.0"\n  dated', f'  version: "{version}"\n  supersedes: "1.0"\n  dated'),
        (replaces, cap, f"{cap}  replacements: {replaces}\n"),
    )
    text = shipped_text("keta-pain")
    for wanted, what, to in changes:
        if wanted:
            text = _changed(text, what, to)
    return load_protocol(text)


def without_kits() -> LoadedProtocol:
    """A trial in which the unblinded pharmacist prepares each dose."""
    return variant(kits=False)


def _changed(text: str, what: str, to: str) -> str:
    changed, found = re.subn(what, to, text)
    assert found == 1, "the shipped protocol is written in another way now"
    return changed
