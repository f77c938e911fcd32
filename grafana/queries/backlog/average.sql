-- Average
-- Area under the backlog by the length of the chosen window.
SELECT sum(open_ms) / (${window} * 1000) AS average_open
FROM rolling FINAL
WHERE window_seconds = ${window} AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
