-- Time to clear
-- Backlog by departures less arrivals of the chosen window; none while no more depart than arrive.
SELECT if(sum(departed_count) > sum(arrived_count), sum(open_count) * ${window} / (sum(departed_count) - sum(arrived_count)), NULL) AS time_to_clear_seconds
FROM rolling FINAL
WHERE window_seconds = ${window} AND scope = 'cell' AND emitted_at = (
    SELECT max(emitted_at) FROM rolling WHERE window_seconds = 300 AND scope = 'all' AND emitted_at <= $__toTime AND emitted_at > $__toTime - 604800
) AND {filters}
