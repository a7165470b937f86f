"""Who works in a demo trial: one person a role and place, two where the work needs two; and how each signs in.

Invariants
1. The list is the same for every trial with the same number of sites: names come from a list, not from chance.
2. Nobody holds two roles, so no pair of roles that may not meet is given to one person.
3. All accounts share one password that is printed for everybody to see: they are for simulated trials alone.
"""

from __future__ import annotations

from itertools import product
from typing import Final

from api.cli.people import Person

PASSWORD: Final = "two-simple-blinded-arms"  # noqa: S105 - meant to be known: it opens nothing but a simulated trial

SITES: Final = (
    ("Basel Pain Centre", "CHE", "Europe/Zurich"),
    ("Lyon Pain Clinic", "FRA", "Europe/Paris"),
    ("Leeds Pain Institute", "GBR", "Europe/London"),
    ("Boston Pain Service", "USA", "America/New_York"),
    ("Toronto Pain Centre", "CAN", "America/Toronto"),
    ("Vienna Pain Clinic", "AUT", "Europe/Vienna"),
    ("Madrid Pain Unit", "ESP", "Europe/Madrid"),
    ("Aarhus Pain Centre", "DNK", "Europe/Copenhagen"),
)
# User name before the site's code, and the role.
AT_EACH_SITE: Final = (
    ("coordinator", "coordinator"),
    ("investigator", "investigator"),
    ("assessor", "efficacy_assessor"),
    ("nurse", "infusion_nurse"),
    ("pharmacist-1", "pharmacist_unblinded"),
    ("pharmacist-2", "pharmacist_unblinded"),
    ("monitor", "monitor"),
    ("pharmacy-monitor", "monitor_unblinded"),
)
CHAIR: Final = "board.chair"
SEATS: Final = {
    CHAIR: "pain_physician",
    "board.anaesthetist": "anaesthetist",
    "board.psychiatrist": "psychiatrist",
    "board.statistician": "statistician",
    "board.patient": "patient_representative",
}
IN_THE_STUDY: Final = (
    ("data-manager", "data_manager"),
    ("medical-monitor", "medical_monitor"),
    ("safety-officer", "safety_officer_unblinded"),
    ("statistician.unblinded", "statistician_unblinded"),
    ("statistician.randomization", "statistician_randomization"),
    ("statistician.blinded", "statistician_blinded"),
    ("sponsor", "sponsor"),
    ("supply-manager", "supply_manager_unblinded"),
    ("administrator-1", "administrator"),
    ("administrator-2", "administrator"),
    ("inspector", "inspector"),
    *((name, "dsmb_chair" if name == CHAIR else "dsmb_member") for name in SEATS),
)
_GIVEN: Final = ("Anna", "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Karin", "Luca")
_FAMILY: Final = (
    "Keller",
    "Moreau",
    "Ashworth",
    "Whitfield",
    "Okafor",
    "Lindqvist",
    "Duarte",
    "Novak",
    "Imhof",
    "Tanaka",
)


def site_codes(count: int) -> tuple[str, ...]:
    """S1, S2, …"""
    return tuple(f"S{number}" for number in range(1, count + 1))


def username_at(name: str, site: str) -> str:
    return f"{name}.{site.lower()}"


def roster(sites: tuple[str, ...]) -> list[Person]:
    """Everybody, site by site, then the study's people."""
    lines = [(username_at(name, site), role, site) for site in sites for name, role in AT_EACH_SITE]
    lines += [(name, role, "") for name, role in IN_THE_STUDY]
    names = product(_FAMILY, _GIVEN)
    return [Person(username, _display(next(names)), role, site) for username, role, site in lines]


def _display(name: tuple[str, str]) -> str:
    family, given = name
    return f"{given} {family}"
