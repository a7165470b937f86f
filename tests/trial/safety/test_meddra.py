"""The sponsor's own MedDRA distribution: read whole or not at all, kept once, found in by words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.cli.main import app
from tests.support.meddra import LLTS, PLACES, distribution
from trial.access.actors import system_actor
from trial.database.embedded.passwords import APP
from trial.errors import NotPermitted
from trial.ids import SystemEntropy
from trial.keys import create_key_file
from trial.safety.meddra.distribution import (
    DistributionDamaged,
    DistributionIncomplete,
    MeddraRelease,
    MeddraTerm,
    read_distribution,
    unpacked,
)
from trial.safety.meddra.releases import ReleaseDiffers, ReleaseNotLoaded, load_release, open_release

INSTALLER = system_actor("installer")


def test_a_term_stands_in_the_primary_class_of_its_preferred_term(tmp_path):
    release = read_distribution(distribution(tmp_path))
    assert (release.version, release.language, len(release.terms)) == ("28.0", "English", len(LLTS))
    nausea = next(term for term in release.terms if term.llt == "Nausea")
    assert nausea == MeddraTerm(
        "10028813", "Nausea", True, "90000001", "Feeling sick", "Sickness group", "Gut group", "90000301", "Gut class"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_the_same_distribution_gives_the_same_hash_in_every_encoding(tmp_path, encoding: str):
    made = read_distribution(distribution(tmp_path / encoding, encoding=encoding))
    plain = read_distribution(distribution(tmp_path / "plain", llts=tuple(reversed(LLTS))))
    assert made.sha256 == plain.sha256
    assert any(term.llt == "Überempfindlich" for term in made.terms)


words = st.text(st.characters(blacklist_characters="\t\n\r$", blacklist_categories=["Cs"]), min_size=1, max_size=12)


@given(st.lists(st.builds(MeddraTerm, words, words, st.booleans(), *[words] * 6), min_size=1, max_size=5))
def test_what_is_packed_is_unpacked_to_the_same(terms: list[MeddraTerm]):
    release = MeddraRelease("28.0", "English", tuple(terms))
    assert unpacked("28.0", "English", release.packed()) == release


def test_a_directory_without_the_files_is_told_which_one_is_missing(tmp_path):
    with pytest.raises(DistributionIncomplete, match=r"mdhier\.asc"):
        read_distribution(tmp_path, "28.0")
    distribution(tmp_path, version=None)
    with pytest.raises(DistributionIncomplete, match="--version"):
        read_distribution(tmp_path)
    assert read_distribution(tmp_path, "28.0").version == "28.0"
    distribution(tmp_path)
    with pytest.raises(DistributionDamaged, match=r"not 27\.1"):
        read_distribution(tmp_path, "27.1")


@pytest.mark.parametrize(
    ("llts", "places", "said"),
    [
        ((("1234", "Short code", "Y", "90000001"),), PLACES, "llt.asc, line 1"),
        ((*LLTS, ("90000099", "Orphan", "Y", "90000099")), PLACES, "no primary class"),
        ((*LLTS, LLTS[0]), PLACES, "twice"),
        (LLTS, (*PLACES, PLACES[0]), "two primary classes"),
        ((("90000011", "Two$fields", "Y", "90000001"),), PLACES, "no code of eight digits|fields"),
        ((), PLACES, "no term"),
        (LLTS, (*PLACES, ("90000009", "x")[:2] + ("",) * 7), "no code of eight digits"),
    ],
)
def test_a_torn_distribution_is_refused_with_file_and_line(tmp_path, llts, places, said: str):
    if said == "no code of eight digits":
        places = (*places[:-1], (*places[-1][:8], "Y"))
    with pytest.raises(DistributionDamaged, match=said):
        read_distribution(distribution(tmp_path, llts=llts, places=places))


def test_a_release_is_kept_once_and_never_replaced(database, tmp_path):
    release = read_distribution(distribution(tmp_path))
    with database.transaction() as session:
        with pytest.raises(ReleaseNotLoaded, match="equipoise meddra load"):
            open_release(session, "28.0")
        first = load_release(session, INSTALLER, release)
        assert load_release(session, INSTALLER, release).id == first.id
        others = read_distribution(distribution(tmp_path / "other", llts=LLTS[:-1]))
        with pytest.raises(ReleaseDiffers):
            load_release(session, INSTALLER, others)
    with database.reading() as session:
        opened = open_release(session, "28.0")
        assert opened.term("10019211") == release.terms[0]
        assert [opened.term(hit.key).llt for hit in opened.find("float", typing=True)] == ["Floating on air"]
        assert opened.find("threw up lunch") == []  # no longer current


def test_nobody_loads_a_release_through_a_role(house, tmp_path):
    release = read_distribution(distribution(tmp_path))
    with house.database.transaction() as session, pytest.raises(NotPermitted):
        load_release(session, house.actor(session, "data_manager"), release)


def test_the_command_loads_and_lists_without_printing_a_term(server, database_name, tmp_path):
    env = {
        "EQUIPOISE_DATA": str(tmp_path / "data"),
        "EQUIPOISE_DATABASE_URL": server.url(database_name, role=APP),
        "EQUIPOISE_DATABASE_OWNER_URL": server.url(database_name),
    }
    for name in ("sealing", "credentials"):
        create_key_file(tmp_path / "data-keys" / f"{name}.key", SystemEntropy())

    def run(*words):
        return CliRunner().invoke(app, ["meddra", *map(str, words)], env=env)

    assert "No release is loaded" in run("list").stdout
    loaded = run("load", distribution(tmp_path / "files"))
    assert loaded.exit_code == 0, loaded.exception
    assert "MedDRA 28.0 (English): 8 lowest-level terms" in loaded.stdout
    assert "MedDRA 28.0" in run("list").stdout
    assert not any(name in loaded.stdout for _, name, _, _ in LLTS)
