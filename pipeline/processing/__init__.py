"""The engine of a stateful stage: restore, process, flush, by the ledger's protocol."""
