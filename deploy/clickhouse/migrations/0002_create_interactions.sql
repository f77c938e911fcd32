-- 0002: interactions. One row per accepted event (rejected ones and duplicates have none), for topics, languages, tiers,
-- distinct customers, and for looking into a number. Written before the ledger: a stretch of the log may be written twice
-- with equal content, hence ReplacingMergeTree; read it with FINAL where doubles would matter.
-- tenant, queue, channel and visibility are those in force after the event.
CREATE TABLE IF NOT EXISTS interactions (
    log LowCardinality(String) COMMENT 'topic',
    kafka_partition UInt16,
    kafka_offset UInt64,
    epoch UInt32,
    ingested_at DateTime64(3, 'UTC') COMMENT 'broker time',
    occurred_at DateTime64(3, 'UTC') COMMENT 'event time, clamped to the broker time when it lay ahead of it',
    event_id String,
    source LowCardinality(String),
    type LowCardinality(String),
    conversation_id String,
    tenant LowCardinality(String),
    queue LowCardinality(String),
    channel LowCardinality(String),
    visibility LowCardinality(String),
    mode LowCardinality(String) COMMENT 'sync or async, by channel',
    direction LowCardinality(String),
    actor_kind LowCardinality(String),
    kind LowCardinality(String) COMMENT 'of an escalation',
    level UInt8 COMMENT 'of an escalation',
    waiting_on LowCardinality(String),
    tier LowCardinality(String),
    topic LowCardinality(String),
    priority LowCardinality(String),
    language LowCardinality(String),
    cohort LowCardinality(String),
    customer String COMMENT 'pseudonym',
    actor String COMMENT 'pseudonym',
    customer_case String COMMENT 'pseudonym of the case id',
    root_id String COMMENT 'first conversation of a transfer chain',
    thread_id String COMMENT 'public post that a reply or share belongs to',
    into_id String COMMENT 'conversation that this one was merged into',
    reach UInt64,
    due_at DateTime64(3, 'UTC') COMMENT 'a promise; 1970-01-01 where there is none',
    clock LowCardinality(String) COMMENT 'which promise',
    is_clamped Bool,
    is_late Bool COMMENT 'behind the watermark by more than the allowed lateness'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ingested_at)
ORDER BY (queue, channel, occurred_at, epoch, kafka_partition, kafka_offset, log)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY;
