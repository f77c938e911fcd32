-- Escalations by kind, including exposures. A missed SLA target is not an escalation: it is in `sla_by_hour`. Only rows with
-- a count.
--
-- needs: functions, ledger_rows, watermarks

-- for each of: minute, hour, day
CREATE OR REPLACE VIEW escalations_by_{interval} (
    {interval_column},
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    queue LowCardinality(String) COMMENT 'where the work lies after the escalation, empty when unknown',
    channel LowCardinality(String) COMMENT 'empty when unknown',
    kind LowCardinality(String) COMMENT 'functional, hierarchical, handoff (once per waiting episode), regulatory or exposure (a public contact within 72 h of a private one of the same customer)',
    escalated_count Int64 COMMENT 'escalations'
) AS
SELECT {interval_start}, tenant, queue, channel, kinds.1 AS kind, sum(kinds.2) AS escalated_count
FROM panes
ARRAY JOIN [
    ('functional', escalated_functional_count), ('hierarchical', escalated_hierarchical_count),
    ('handoff', escalated_handoff_count), ('regulatory', escalated_regulatory_count),
    ('exposure', escalated_exposure_count)
] AS kinds
WHERE tier = '{interval}' AND kinds.2 != 0
GROUP BY {interval}, tenant, queue, channel, kind
HAVING escalated_count != 0;
