-- Time to clear
-- Backlog / net clearance rate of the chosen window; none unless more depart than arrive.
SELECT if(sum(departed_count) > sum(arrived_count), sum(open_count) * ${window} / (sum(departed_count) - sum(arrived_count)), NULL) AS time_to_clear_seconds
FROM rolling
WHERE window_seconds = ${window} AND scope = 'cell' AND {last_minute} AND {filters}
