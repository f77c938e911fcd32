-- By queue, at the end of the range
-- The chosen window up to the last full minute of the range, as observed then: choose another end of the range for any
-- past instant.
SELECT
    {queue_name},
    sum(open_count) AS open,
    sum(open_ms) / (${window} * 1000) AS average_open,
    sum(arrived_count) AS arrived,
    sum(departed_count) AS departed,
    sum(reopened_count) / nullIf(sum(resolved_count), 0) AS reopened_ratio,
    sum(transferred_count) / nullIf(sum(arrived_count), 0) AS transferred_ratio,
    sum(sla_met_count) / nullIf(sum(sla_met_count) + sum(sla_missed_count), 0) AS sla_met_ratio,
    histogram_quantile_ms(sumMap(first_response_histogram), 0.9) / 1000 AS first_response_p90_seconds,
    histogram_quantile_ms(sumMap(resolution_histogram), 0.9) / 1000 AS resolution_p90_seconds
FROM rolling
WHERE window_seconds = ${window} AND scope = 'cell' AND {last_minute} AND {filters}
GROUP BY queue_name
ORDER BY open DESC
