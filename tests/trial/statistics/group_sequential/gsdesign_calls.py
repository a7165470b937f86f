"""Reads the spending function out of an oracle's R call."""

import re

from trial.statistics.group_sequential.spending import Spending

_NAMES = {"LDOF": "lan_demets_obrien_fleming", "LDPocock": "lan_demets_pocock", "HSD": "hwang_shih_decani"}
_NAMES["Power"] = "kim_demets"


def spending_in(call: str, side: str) -> Spending:
    """The function given as ``sfu`` (efficacy) or ``sfl`` (futility)."""
    found = re.search(rf"{side}=sf(\w+)(?:, {side}par=([-\d.]+))?", call)
    assert found, call
    parameter = float(found[2]) if found[2] else None
    return Spending(_NAMES[found[1]], parameter)
