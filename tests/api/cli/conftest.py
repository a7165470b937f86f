"""One small demo trial for all who ask what a demo conducts."""

import pytest

from tests.support.demo import conduct_small, installed, small


@pytest.fixture(scope="session")
def demo(server, template, tmp_path_factory):
    """One finished demo trial of twelve at four sites, which its tests only read."""
    with installed(server, template, tmp_path_factory.mktemp("demo")) as (installation, directory):
        yield conduct_small(installation, directory, small()), directory
