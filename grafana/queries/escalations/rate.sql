-- Per 1,000 open
-- Escalations of the chosen window per 1,000 conversations open on average in it.
SELECT 1000 * sum(escalated_functional_count + escalated_hierarchical_count + escalated_handoff_count + escalated_regulatory_count + escalated_exposure_count) / nullIf(sum(open_ms) / (${window} * 1000), 0) AS per_1000_open
FROM rolling FINAL
WHERE window_seconds = ${window} AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
