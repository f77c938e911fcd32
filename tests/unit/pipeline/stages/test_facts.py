"""Customer facts as records: their partition, order and size."""

import random
from collections import Counter

import msgspec

from pipeline.stages.facts import FACTS_PER_RECORD, FactBatch, WireFact, records


def test_facts_about_a_customer_go_to_one_partition_in_order_in_records_of_bounded_size() -> None:
    chance = random.Random(5)
    customers = [f"{chance.getrandbits(88):022x}" for _ in range(50)]
    facts = [
        WireFact(offset, 0, offset, 0, chance.choice(customers), 1, 0, "") for offset in range(4 * FACTS_PER_RECORD)
    ]
    partition_of: dict[str, int] = {}
    offsets: dict[str, list[int]] = {}
    sizes: Counter[int] = Counter()
    for partition, value in records(FactBatch(0, 1, [("", "", "", "")], facts), 3):
        facts_of_record = msgspec.msgpack.decode(value, type=FactBatch).facts
        sizes[len(facts_of_record)] += 1
        for fact in facts_of_record:
            assert partition_of.setdefault(fact.customer, partition) == partition
            offsets.setdefault(fact.customer, []).append(fact.offset)
    assert max(sizes) <= FACTS_PER_RECORD
    assert set(partition_of.values()) == {0, 1, 2}
    assert sum(map(len, offsets.values())) == len(facts)
    assert all(found == sorted(found) for found in offsets.values())
