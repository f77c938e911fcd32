"""Dead letters as values: their reason and origin, and the brake."""

import pytest

from pipeline.contract.brake import Brake
from pipeline.contract.dead_letter import Origin, dead_letter, origin, without_value
from pipeline.contract.records import ReadRecord
from pipeline.errors import DeadLetterLimitError
from streams.events import Rejection


def rejections(count: int) -> list[Rejection]:
    return [Rejection(offset, 0, "not_json", "", "expected JSON") for offset in range(count)]


def test_the_brake_tolerates_half_of_the_last_thousand_and_no_more() -> None:
    brake = Brake(0.5)
    brake.observe("t[0]", 500, rejections(500))
    brake.observe("t[0]", 500, [])  # 500 of 1,000 is the limit itself
    with pytest.raises(DeadLetterLimitError, match="501 of the last 1000"):
        brake.observe("t[0]", 1000, rejections(501))


def test_a_letter_without_its_value_keeps_our_headers_after_the_records_own() -> None:
    own_headers = [("sichtflug-topic", b"elsewhere"), ("sichtflug-raw", b"1"), ("trace", b"42")]
    record = ReadRecord(5, 1_780_000_000_000, 0, b"k", b"value", tuple(own_headers))
    rejection = Rejection(5, 1_780_000_000_000, "too_large", "", "expected less")
    whole = dead_letter("interactions", 3, record, rejection)
    short = without_value(whole)
    assert (short.key, short.value) == (b"k", None)
    assert short.headers[: len(whole.headers)] == whole.headers
    assert [name for name, _ in short.headers[len(whole.headers) :]] == [
        "sichtflug-value-bytes",
        "sichtflug-value-hash",
    ]
    # Beyond 65,536 bytes of headers only ours are kept.
    heavy = ReadRecord(5, 1_780_000_000_000, 0, b"k", b"value", (*own_headers, ("sichtflug-detail", b"x" * 65_537)))
    assert without_value(dead_letter("interactions", 3, heavy, rejection)).headers == short.headers[len(own_headers) :]
    assert origin(short.headers) == Origin("interactions", 3, 5, 1_780_000_000_000, "too_large")


@pytest.mark.parametrize("number", [b"1_0", b" 7 ", b"+7", b"7.0", b"", "\u0667".encode(), b"9" * 20, b"-1"])
@pytest.mark.parametrize("name", ["sichtflug-partition", "sichtflug-offset"])
def test_invalid_numbers_in_the_headers_give_no_origin(name: str, number: bytes) -> None:
    record = ReadRecord(5, 1_780_000_000_000, 0, b"k", b"value", ())
    letter = dead_letter("interactions", 3, record, Rejection(5, 1_780_000_000_000, "not_json", "", ""))
    assert origin(letter.headers) is not None
    assert origin([(key, number if key == name else text) for key, text in letter.headers]) is None
