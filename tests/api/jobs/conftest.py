"""An installation over the test's own database, with a queue that is worked off in the test's own thread."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from api.installation import Installation, Urls
from trial.settings import Settings


@pytest.fixture
def installation(house, app_url, owner_url, tmp_path):
    settings = Settings(data=tmp_path / "data", database_url=SecretStr(app_url))
    key = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
    return Installation(settings, Urls(owner_url, app_url), house.database, key)
