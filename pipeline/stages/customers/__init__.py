"""The customers' stage: facts of conversations become repeat contacts and channel hops."""
