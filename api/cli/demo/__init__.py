"""``equipoise demo``: a whole simulated trial, conducted through the services that real use goes through, then served."""

from api.cli.demo.command import app

__all__ = ["app"]
