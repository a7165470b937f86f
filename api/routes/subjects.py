"""What routes about one participant share: the participant by code, the key of a request, the signature in a body."""

from typing import Annotated
from uuid import UUID

from fastapi import Header
from pydantic import BaseModel, Field, SecretStr

from api.dependencies import Caller
from api.places import Place
from trial.access.signatures import Reauthenticated
from trial.conduct.participant_readers import participant_for, participant_id_for
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
from trial.errors import InvalidInput

KeyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="A random text of 8 to 80 characters, new for each new request."),
]


class KeyMissing(InvalidInput):
    code = "request.key_missing"


class Keyed(BaseModel):
    """A body that may carry its key, where no header can be set."""

    idempotency_key: str | None = Field(default=None, description="Instead of the header Idempotency-Key.")


class SignedBody(Keyed):
    """A signature: the password again, and the code when the last one is older than fifteen minutes."""

    password: SecretStr = Field(description="Your password. A token never signs: this needs a person's session.")
    code: SecretStr | None = Field(default=None, description="The code of your authenticator.")

    def prove(self, caller: Caller) -> Reauthenticated:
        """Before the transaction begins. Raises ``SigningNeedsPerson``, ``CodeNeeded``, ``SignInRefused``."""
        code = self.code.get_secret_value() if self.code else None
        return caller.prove(self.password.get_secret_value(), code)


def key_of(header: str | None, body: Keyed) -> str:
    """The request's key. Raises ``KeyMissing`` where there is none, or two that differ."""
    given = {one for one in (header, body.idempotency_key) if one}
    if len(given) != 1:
        raise KeyMissing(
            "Send one idempotency key: the header Idempotency-Key, or idempotency_key in the body. A random UUID serves."
        )
    return given.pop()


def participant_id(session: TrialSession, here: Place, code: str) -> UUID:
    """Raises ``ParticipantNotFound``, ``NotPermitted``."""
    return participant_id_for(session, here.actor, here.trial.id, code)


def subject(session: TrialSession, here: Place, code: str) -> Participant:
    """Raises ``ParticipantNotFound``, ``NotPermitted``."""
    return participant_for(session, here.actor, here.trial.id, code)


def site_code(here: Place, site_id: UUID) -> str:
    """The code of a site that the caller reaches."""
    return next((site.code for site in here.sites if site.id == site_id), "")
