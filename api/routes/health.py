"""Whether the service answers, and its database."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import text

from api.dependencies import Write
from api.permissions import public

router = APIRouter()


class Health(BaseModel):
    status: str = Field(description="ok, when the database answers; otherwise the answer is a problem.")
    version: str = Field(description="The version of the program.")


@router.get("/health", openapi_extra=public())
def check_health(request: Request, session: Write) -> Health:
    """Whether this installation can work now."""
    session.execute(text("SELECT 1"))
    return Health(status="ok", version=request.app.version)
