"""What the doors are given when the application is built: settings, and the database with its clock."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from trial.database.session import Database
from trial.ids import new_id
from trial.settings import Settings


@dataclass(frozen=True, slots=True)
class AppServices:
    """``development`` opens the style guide; nothing else depends on it."""

    settings: Settings
    database: Database
    development: bool = False

    def new_id(self, purpose: str) -> UUID:
        return new_id(self.database.entropy, purpose)


def services_of(request: Request) -> AppServices:
    """The services of the application that serves this request."""
    services: AppServices = request.app.state.services
    return services
