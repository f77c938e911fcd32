"""The customers stage: facts about known customers become repeat contacts, channel hops and repetition burden."""
