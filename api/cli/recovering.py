"""``equipoise recover``: after a backup was restored, give everybody randomized since then their own slot and kit back.

Invariants
1. Nothing here opens an arm for anybody: slots and kits are compared under seal.
2. Two people release a list, each with password and code; the operator of this machine cannot do it for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from api.cli.options import DataOption, settings_from
from api.installation import Installation, open_installation
from api.jobs.contexts import write_milestone
from api.jobs.restores import NOTICED, Seen, check_declared, declare, hold_what_is_behind, look
from api.receipt_files import lines_in
from randomization.ledger.allocation_lists import get_list
from randomization.ledger.holds import (
    ListHold,
    ReleaseHold,
    ask_release,
    asked_by,
    confirm_release,
    missing_numbers,
    open_holds,
    still_missing,
)
from randomization.ledger.linked_receipts import LinkReceipt, link_receipt
from randomization.ledger.reseated_seats import seats_waiting
from randomization.ledger.reseating import take_receipts
from trial.access.accounts import find_account
from trial.access.actors import Actor, system_actor
from trial.access.grants import actor_for
from trial.access.sign_in import SignInRefused
from trial.access.signatures import Reauthenticated, reauthenticate
from trial.conduct.participants import find_participant
from trial.conduct.trials import find_trial, get_trial
from trial.database.session import TrialSession
from trial.errors import InvalidInput

app = typer.Typer(
    help="After a restored backup: see what is missing, hold the lists, take receipts back, release.",
    no_args_is_help=True,
)
PersonOption = Annotated[str, typer.Option("--as", help="Your user name; password and code are asked for.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the audit.")]


class NoReceiptsGiven(InvalidInput):
    code = "receipt.none_found"


@app.command()
def show(data: DataOption = None) -> None:
    """What the anchors know and this database does not: lists, positions, numbers, receipts that wait. Changes nothing.

    Exit code 0 when nothing is missing, held or waiting; 1 otherwise.
    """
    with open_installation(settings_from(data)) as installation:
        seen = look(installation)
        with installation.database.session() as session:
            told = [*_told_of_restore(seen), *_told_of_holds(session)]
    console = Console(highlight=False, soft_wrap=True)
    for sentence in told or ["Nothing is missing: the database passes through every anchor, and no list is held."]:
        console.print(sentence, markup=False)
    raise typer.Exit(1 if told else 0)


@app.command()
def hold(
    data: DataOption = None,
    also: Annotated[list[UUID] | None, typer.Option("--list", help="Hold this list as well, by its id.")] = None,
    reason: ReasonOption = NOTICED,
) -> None:
    """Declare that a backup was restored, and hold every list that lags behind its anchors.

    The server holds them by itself as soon as it starts. To declare is yours: it says, in an anchor, that the entries which
    the anchors tell of were lost with the restore and not rewritten by somebody. Name further lists with --list where you know of
    randomizations after the last anchor (it may be ten minutes older than the failure).
    """
    with open_installation(settings_from(data)) as installation:
        seen = look(installation)
        held = hold_what_is_behind(installation, seen, also=also or (), reason=reason)
        declare(installation, seen)
        with installation.database.session() as session:
            told = [*_told_of_restore(seen), *_told_of_holds(session)]
    for sentence in told:
        print(sentence)
    print(f"{len(held)} lists are held from now on; everything else goes on. Next: equipoise recover take RECEIPTS")


@app.command()
def take(
    receipts: Annotated[
        list[Path],
        typer.Argument(
            help="Receipts as the sites keep them: PDF files, JSON answers, or text with their lines.", exists=True
        ),
    ],
    data: DataOption = None,
) -> None:
    """Take receipts back: each reseats its allocation where it was, with its number and its kit. All of them, or none.

    Receipts of one stratum go back in their order: give all that the sites have, together. A receipt that was made up, changed,
    made by another installation, given twice or given before an earlier one of its stratum is refused.
    """
    lines = [line for path in receipts for line in lines_in(path.read_bytes(), path.name)]
    if not lines:
        raise NoReceiptsGiven(
            "There is no receipt in these files. Give the PDFs, or text with the lines that begin with EQ1."
        )
    with open_installation(settings_from(data)) as installation:
        _check_declared(installation)
        with installation.database.transaction() as session:
            seats = take_receipts(session, system_actor("restorer"), dict.fromkeys(lines))
            told = [
                f"{seat.number}  {seat.participant_code}  back in its place"
                + (
                    ""
                    if seat.participant_id
                    else "; register and screen this person again, then: equipoise recover link"
                )
                for seat in seats
            ]
        write_milestone(installation, "receipts taken back", receipts=[seat.number for seat in seats])
    for sentence in told:
        print(sentence)
    print(
        "Each participant is now randomized again on their own page: that signs for the receipt and takes no new slot."
    )


@app.command()
def link(
    trial: Annotated[str, typer.Argument(help="The trial's code.")],
    number: Annotated[str, typer.Argument(help="The randomization number on the receipt.")],
    participant: Annotated[str, typer.Argument(help="The code under which the person is registered now.")],
    person: PersonOption,
    reason: ReasonOption = "registered again after the restore",
    data: DataOption = None,
) -> None:
    """Say whose a waiting receipt is: somebody who was registered after the backup and had to be registered again.

    For the coordinator or investigator of that site, who has both the person and the receipt.
    """
    with open_installation(settings_from(data)) as installation:
        actor, _ = _sign_as(installation, person)
        with installation.database.transaction() as session:
            found = find_trial(session, trial)
            who = find_participant(session, found.id, participant)
            link_receipt(
                session,
                actor,
                LinkReceipt(trial_id=found.id, number=number, participant_id=who.id, reason=reason),
            )
    print(f"Receipt {number} is {participant}'s. Randomize them on their page: they get its slot and its kit.")


@app.command()
def release(
    hold_id: Annotated[UUID, typer.Argument(help="The hold, as “equipoise recover show” lists it.")],
    person: PersonOption,
    reason: ReasonOption,
    without_receipts: Annotated[
        bool,
        typer.Option(
            "--without-receipts", help="Pass over what is still missing: those slots and numbers stay unused for good."
        ),
    ] = False,
    data: DataOption = None,
) -> None:
    """Let a held list allocate again. Two people sign: who designs lists first, then who confirms them.

    Refused while a position or a number since the backup has no receipt.
    """
    with open_installation(settings_from(data)) as installation:
        _check_declared(installation)
        actor, proof = _sign_as(installation, person)
        command = ReleaseHold(hold_id=hold_id, reason=reason, without_receipts=without_receipts)
        with installation.database.transaction() as session:
            first = asked_by(session, hold_id) is None
            act = ask_release if first else confirm_release
            act(session, actor, proof, command)
        if not first:
            write_milestone(installation, "list released", hold=str(hold_id))
    print("Signed. A second person confirms it with the same command." if first else "The list allocates again.")


def _check_declared(installation: Installation) -> None:
    with installation.database.session() as session:
        check_declared(session, installation.settings.anchor_path)


def _sign_as(installation: Installation, username: str) -> tuple[Actor, Reauthenticated]:
    """Password and code, asked for here. Raises ``SignInRefused``."""
    password: str = typer.prompt("Password", hide_input=True)
    code: str = typer.prompt("Code from your authenticator")
    database = installation.database
    with database.session() as session:
        account = find_account(session, username)
        if account is None:
            raise SignInRefused("The password or the code is not right, so nothing was signed. Try again.")
        actor = actor_for(session, account)
    return actor, reauthenticate(database, actor, password, code, None)


def _told_of_restore(seen: Seen) -> Iterable[str]:
    if seen.restore is None:
        return
    yield (
        f"The anchor of {seen.restore.anchored_at:%d %b %Y, %H:%M} UTC stands at entry {seen.restore.lost_to.position:,}; this"
        f" database agrees with the anchors up to entry {seen.restore.shared.position:,} and lacks what came between."
    )
    for one in seen.behind.missing:
        yield f"Missing from list {one.list_id}: {one}."
    for name in seen.behind.lost_lists:
        yield f"List {name} was sealed after the backup and is lost: design another. Its receipts cannot be taken back."
    for one_id in seen.behind.revived:
        yield f"List {one_id} was retired by a lost list and is held: design the list that retires it before you release it."


def _told_of_holds(session: TrialSession) -> Iterable[str]:
    holds = open_holds(session)
    for one in holds:
        yield from _told_of_hold(session, one)
    for trial_id in dict.fromkeys(one.trial_id for one in holds):
        for seat in seats_waiting(session, trial_id):
            whose = f"{seat.participant_code} is to be randomized again on their page"
            unknown = f"then {seat.participant_code}, is to be registered and linked"
            yield f"Receipt {seat.number} waits: {whose if seat.participant_id else unknown}."


def _told_of_hold(session: TrialSession, one: ListHold) -> Iterable[str]:
    held, trial = get_list(session, one.list_id), get_trial(session, one.trial_id)
    missing = "; ".join(map(str, still_missing(session, one))) or "nothing more"
    numbers = ", ".join(missing_numbers(session, one)) or "none"
    asked = " The first of two people has signed its release." if asked_by(session, one.id) else ""
    yield (
        f"Hold {one.id}: list {held.ordinal} ({held.stage}) of {trial.code}. Missing: {missing}."
        f" Numbers without a receipt: {numbers}.{asked}"
    )
