-- Escalations by kind; an exposure is one, too. A missed promise is none: it lives in `sla_by_hour`. Rows where something
-- was counted.
--
-- needs: functions, ledger_rows, watermarks

CREATE OR REPLACE VIEW escalations_by_minute (
    minute DateTime('UTC') COMMENT 'start of the minute, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT start AS minute, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'minute' AND kinds.2 != 0
GROUP BY minute, tenant, queue, channel, kind
HAVING escalated_count != 0;

CREATE OR REPLACE VIEW escalations_by_hour (
    hour DateTime('UTC') COMMENT 'start of the hour, UTC',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT start AS hour, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'hour' AND kinds.2 != 0
GROUP BY hour, tenant, queue, channel, kind
HAVING escalated_count != 0;

CREATE OR REPLACE VIEW escalations_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = 'day' AND kinds.2 != 0
GROUP BY day, tenant, queue, channel, kind
HAVING escalated_count != 0;
