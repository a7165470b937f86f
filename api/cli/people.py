"""The first people of a trial: accounts with fresh credentials, and the roles that a list gives them.

Invariants
1. A password and a second factor are made here, written once to a file that only its owner may read, and shown nowhere
   else.
2. Somebody who stands in the list with several roles gets one account.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from trial.access.accounts import Account, CreateAccount, code_secret, create_account, find_account
from trial.access.actors import system_actor
from trial.access.codes import provisioning_uri
from trial.access.grants import GrantRole, grant_role
from trial.access.passwords import STRONG, PasswordStrength, hash_password, random_password
from trial.database.session import Database, TrialSession
from trial.errors import InvalidInput
from trial.ids import Entropy

COLUMNS = ("username", "display_name", "role", "site", "email")


class PeopleListInvalid(InvalidInput):
    code = "people.list_invalid"


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list: somebody, in one role, at one site where the role is a site's."""

    username: str
    display_name: str
    role: str
    site: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person needs to sign in for the first time."""

    username: str
    display_name: str
    roles: str
    password: str = field(repr=False)
    code_secret: str = field(repr=False)


def read_people(path: Path) -> list[Person]:
    """The list in a CSV file with the columns of ``COLUMNS``. Raises ``PeopleListInvalid`` naming the line."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS[:3] if name not in (rows.fieldnames or ())]
        if missing:
            raise PeopleListInvalid(
                f"{path} lacks the column {missing[0]}. Its first line must be: {','.join(COLUMNS)}"
            )
        return [_person(path, number, row) for number, row in enumerate(rows, 2)]


def _person(path: Path, number: int, row: dict[str, str | None]) -> Person:
    values = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not all(values[name] for name in COLUMNS[:3]):
        raise PeopleListInvalid(f"{path} line {number} needs a user name, a display name and a role. Fill them in.")
    return Person(**values)


def hire(
    database: Database,
    trial_id: UUID,
    sites: dict[str, UUID],
    people: Iterable[Person],
    *,
    strength: PasswordStrength = STRONG,
    password: Callable[[Entropy], str] = random_password,
) -> list[Credentials]:
    """Accounts and roles for ``people``; people who have an account keep their credentials and are not listed."""
    hired: list[Credentials] = []
    for username, lines in _by_username(people):
        secret = password(database.entropy)
        hashed = hash_password(secret, strength)
        with database.transaction() as session:
            account = find_account(session, username)
            fresh = account is None
            account = account or _account(session, lines[0], hashed, trial_id)
            _give_roles(session, account, lines, trial_id, sites)
            if fresh:
                roles = ", ".join(f"{line.role} {line.site}".strip() for line in lines)
                hired.append(Credentials(username, account.display_name, roles, secret, code_secret(session, account)))
    return hired


def _by_username(people: Iterable[Person]) -> Iterator[tuple[str, list[Person]]]:
    grouped: dict[str, list[Person]] = {}
    for person in people:
        grouped.setdefault(person.username, []).append(person)
    return iter(grouped.items())


def _account(session: TrialSession, person: Person, password_hash: str, trial_id: UUID) -> Account:
    command = CreateAccount(
        username=person.username,
        display_name=person.display_name,
        email=person.email or None,
        password_hash=password_hash,
        trial_id=trial_id,
    )
    return create_account(session, system_actor("installer"), command)


def _give_roles(
    session: TrialSession, account: Account, lines: list[Person], trial_id: UUID, sites: dict[str, UUID]
) -> None:
    for line in lines:
        if line.site and line.site not in sites:
            raise PeopleListInvalid(f"{line.username}: there is no site {line.site}. Sites: {', '.join(sites)}.")
        command = GrantRole(
            account_id=account.id, trial_id=trial_id, role=line.role, site_id=sites[line.site] if line.site else None
        )
        grant_role(session, system_actor("installer"), command)


def write_credentials(path: Path, credentials: Iterable[Credentials]) -> None:
    """Add the credentials to a CSV file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(("username", "display_name", "roles", "password", "code_secret", "code_uri"))
        for one in credentials:
            uri = provisioning_uri(one.code_secret, one.username)
            writer.writerow((one.username, one.display_name, one.roles, one.password, one.code_secret, uri))
