"""The line on a receipt, as far as it can be judged without a database."""

from datetime import UTC, datetime
from random import Random

from randomization.ledger.receipts import ReceiptWords


def words(number: str) -> ReceiptWords:
    return ReceiptWords("KETA", "main", "01", "01-0001", number, "K10001", datetime(2026, 3, 1, tzinfo=UTC))


def test_receipts_come_in_the_order_in_which_they_were_given_out_also_beyond_four_digits():
    given_out = [words(f"R{count:04d}") for count in (1, 2, 998, 9999, 10000, 10001, 100000)]
    shuffled = Random(7).sample(given_out, len(given_out))
    assert sorted(shuffled, key=lambda one: one.order) == given_out
