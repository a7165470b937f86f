"""A statistician's program pulls the locked dataset, and every hash agrees; the same through the command."""

import hashlib
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from api.cli.main import app as command
from api.cli.pulling import (
    BytesDiffer,
    NothingToPull,
    PathOutside,
    PullRefused,
    ServerNotReached,
    choose,
    place_of,
    pull_dataset,
)
from tests.support.doors import Doors
from tests.support.scenes import board_scene, locked_dataset, pack
from trial.access.permissions import Permission
from trial.access.tokens import ApiToken
from trial.locks.datasets import pulls_of

READER = "statistician-blinded"
BASE = "/api/v1/trials/TEST-1"


@pytest.fixture
def dataset(doors: Doors):
    return locked_dataset(doors.house)


def test_a_program_lists_pulls_and_verifies(doors: Doors, dataset):
    with doors.program(READER, Permission.DATASET_NAIVE_PULL) as program:
        listed = program.get(f"{BASE}/datasets").json()
        assert [one["id"] for one in listed] == [str(dataset.id)]
        manifest = program.get(f"{BASE}/datasets/{dataset.id}/manifest")
        assert manifest.headers["etag"] == f'"{hashlib.sha256(manifest.content).hexdigest()}"'
        assert listed[0]["manifest_sha256"] == hashlib.sha256(manifest.content).hexdigest()
        for path, file in manifest.json()["files"].items():
            answer = program.get(f"{BASE}/datasets/{dataset.id}/files/{path}")
            assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
    with doors.house.database.session() as session:
        assert len(pulls_of(session, dataset.id)) == 4


def test_a_token_that_does_not_carry_the_mode_pulls_nothing(doors: Doors, dataset):
    with doors.program(READER, Permission.AUDIT_VERIFY) as program:
        answer = program.get(f"{BASE}/datasets/{dataset.id}/manifest")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_file_that_is_not_in_the_manifest_is_not_found(doors: Doors, dataset):
    with doors.program(READER, Permission.DATASET_NAIVE_PULL) as program:
        answer = program.get(f"{BASE}/datasets/{dataset.id}/files/../../secret")
        assert answer.status_code == 404
        assert program.get(f"{BASE}/datasets/{dataset.id}/files/nowhere.csv").json()["code"] == "dataset.file_not_found"


def test_the_use_of_a_token_stays_on_record_where_its_request_is_refused(doors: Doors):
    with doors.program(READER, Permission.DATASET_NAIVE_PULL) as program:
        assert program.get("/api/v1/trials/ANOTHER/datasets").status_code == 404
    with doors.house.database.reading() as session:
        used = session.exec(select(ApiToken.last_used_at)).one()
    assert used == doors.house.clock.now()


def test_the_command_pulls_and_says_that_every_hash_agrees(doors: Doors, dataset, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("EQUIPOISE_TOKEN", doors.bearer_token(READER, Permission.DATASET_NAIVE_PULL))
    done = CliRunner().invoke(command, ["pull", "TEST-1", "--server", doors.address, "--to", str(tmp_path / "data")])
    assert done.exit_code == 0, done.output
    assert "Every hash agrees." in done.output
    for path, content in pack().items():
        assert (tmp_path / "data" / path).read_bytes() == content


def test_an_expired_token_is_told_in_one_sentence(doors: Doors, dataset):
    with doors.program(READER, Permission.DATASET_NAIVE_PULL, days=1) as program:
        doors.house.clock.advance(timedelta(days=2))
        with pytest.raises(PullRefused, match=r"This token ended on 03 Mar 2026.*access.token_expired"):
            choose(program, "TEST-1", None, None, None)


def test_without_a_fitting_dataset_it_says_what_there_is(doors: Doors, dataset):
    with (
        doors.program(READER, Permission.DATASET_NAIVE_PULL) as program,
        pytest.raises(NothingToPull, match=f"{dataset.id}.*naive"),
    ):
        choose(program, "TEST-1", None, "unblinded", None)


def test_a_server_that_does_not_answer_is_named():
    with (
        httpx.Client(base_url="http://127.0.0.1:1") as client,
        pytest.raises(ServerNotReached, match=r"127\.0\.0\.1:1"),
    ):
        choose(client, "TEST-1", None, None, None)


def swapped(doors: Doors, token: str, wrong: str) -> httpx.Client:
    """A client whose way to the server changes the bytes of one answer."""

    def carry(request: httpx.Request) -> httpx.Response:
        answer = httpx.request(request.method, str(request.url), headers={"Authorization": f"Bearer {token}"})
        content = b"changed on the way" if request.url.path.endswith(wrong) else answer.content
        return httpx.Response(answer.status_code, content=content)

    return httpx.Client(base_url=doors.address, transport=httpx.MockTransport(carry))


@pytest.mark.parametrize("wrong", ["manifest", "adam/adsl.csv"])
def test_bytes_changed_on_the_way_are_refused_and_not_kept(doors: Doors, dataset, tmp_path: Path, wrong: str):
    token = doors.bearer_token(READER, Permission.DATASET_NAIVE_PULL)
    with swapped(doors, token, wrong) as client:
        chosen = choose(client, "TEST-1", None, None, None)
        with pytest.raises(BytesDiffer):
            pull_dataset(client, "TEST-1", chosen, tmp_path)
    assert not any(b"changed" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("path", ["../escape", "/etc/passwd", "adam/../../x", "manifest.json"])
def test_a_manifest_cannot_write_outside_the_folder(tmp_path: Path, path: str):
    with pytest.raises(PathOutside):
        place_of(tmp_path, path)


def test_the_other_doors_answer_with_their_models(doors: Doors):
    scene = board_scene(doors.house)
    with doors.client("statistician-unblinded") as client:
        assert client.get("/api/v1/health").json()["status"] == "ok"
        assert [one["code"] for one in client.get("/api/v1/trials").json()] == ["TEST-1"]
        assert client.get(BASE).json()["versions"][0]["sha256"] == doors.house.version.sha256
        assert client.get(f"{BASE}/meetings").json()[0]["number"] == 1
        papers = client.get(f"{BASE}/meetings/{scene.meeting.id}/papers").json()
        assert {one["kind"] for one in papers} == {"open", "closed"}
        assert client.get(f"{BASE}/papers/{scene.open_paper.id}/document").content == scene.open_bytes
        assert client.get(f"{BASE}/papers/{scene.closed_paper.id}/document").status_code == 404
        assert client.get(f"{BASE}/locks").json() == []
        verdict = client.get("/api/v1/audit/verify").json()
    assert verdict["whole"]
    assert verdict["entries"] > 0
    assert set(verdict) == {"whole", "entries", "head", "anchors", "unanchored", "findings"}
