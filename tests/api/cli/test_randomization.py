"""``equipoise randomization``: what a person at a terminal sees."""

import json

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from api.cli.randomization import BlockSizesUnreadable, PictureFormatUnknown
from randomization.lists import ListDesign, ListDesignInvalid, generate_list
from randomization.schemes import BlockUrn
from randomization.sealing import new_data_key, open_slot, seal_list
from randomization.unblinding.opening import OpenedAllocation
from randomization.verification import NotAsCommitted, OpenedList, OpenedSlot, as_file, verifier_text
from trial.ids import UnsafeSeededEntropy
from trial.protocol.loader import ProtocolFileNotFound


def command(*arguments):
    return CliRunner().invoke(app, ["randomization", *map(str, arguments)])


@pytest.fixture
def opened(tmp_path):
    entropy, seed = UnsafeSeededEntropy(3), bytes(range(32))
    design = ListDesign(("A", "B", "C"), BlockUrn((2, 1, 1), 2), 20)
    key = new_data_key("list-1", entropy)
    sealed = seal_list(key, generate_list(design, "list-1", seed), seed, entropy)
    pairs = [(slot, open_slot(key, slot)) for slot in sealed.slots]
    slots = tuple(OpenedSlot(slot.stratum, slot.position, one.arm, one.salt) for slot, one in pairs)
    laid_open = OpenedAllocation(sealed.commitment, OpenedList("list-1", seed, design.parameters(), slots), ())
    (tmp_path / "opened.json").write_bytes(laid_open.file)
    return tmp_path / "opened.json"


def test_an_honest_list_is_told_with_its_root(opened):
    seen = command("verify", opened)
    root = json.loads(opened.read_bytes())["commitment"]["root"]
    assert seen.exit_code == 0
    assert root in seen.output
    assert "All 20 allocations" in seen.output
    assert "Compare root and design" in seen.output
    assert "Compare root and design" not in command("verify", opened, "--root", root).output


def test_a_tampered_list_is_a_refusal(opened):
    document = json.loads(opened.read_bytes())
    document["strata"][0][1][7][0] = "A" if document["strata"][0][1][7][0] != "A" else "B"
    opened.write_bytes(as_file(document))
    seen = command("verify", opened)
    assert isinstance(seen.exception, NotAsCommitted)
    assert "Slot 8 of all" in seen.exception.sentence


def test_schemes_are_compared_in_a_table_with_monte_carlo_errors_and_in_a_picture(tmp_path):
    given = ("design", "keta-pain", "--participants", 60, "--sites", 2, "--simulations", 40, "--seed", 7)
    seen = command(*given, "--out", tmp_path / "schemes.pdf")
    assert seen.exit_code == 0
    assert "40 trials of 60 participants" in seen.stdout
    assert "▸ Permuted blocks of 4, 6" in seen.stdout
    assert "12 strata" in seen.stdout
    assert seen.stdout.split("Ratio")[0].count(" ± ") == 10 * 10
    assert (tmp_path / "schemes.pdf").read_bytes().startswith(b"%PDF")
    assert command(*given).stdout == seen.stdout
    tried = command("design", "keta-pain", "--simulations", 4, "--participants", 20, "--block-sizes", "2", "--limit", 2)
    assert "▸" not in tried.stdout.split("Ratio")[0]  # the protocol asks for blocks of random size
    assert "Permuted blocks of 2 " in tried.stdout


def test_the_comparison_refuses_what_it_cannot_read(tmp_path):
    assert isinstance(command("design", "keta-pain", "--out", tmp_path / "x.docx").exception, PictureFormatUnknown)
    assert isinstance(command("design", "keta-pain", "--block-sizes", "four").exception, BlockSizesUnreadable)
    assert isinstance(command("design", "keta-pain", "--block-sizes", "3").exception, ListDesignInvalid)
    assert isinstance(command("design", tmp_path / "none.yaml").exception, ProtocolFileNotFound)


def test_the_verifier_is_handed_out_as_one_file(tmp_path):
    assert command("verifier").output == verifier_text()
    assert command("verifier", "--to", tmp_path / "verify_list.py").exit_code == 0
    assert (tmp_path / "verify_list.py").read_text(encoding="utf-8") == verifier_text()
