-- Clearance, 1 h
-- Departures / arrivals over the last hour: below 1 the backlog grows.
SELECT sum(departed_count) / nullIf(sum(arrived_count), 0) AS clearance_ratio
FROM rolling
WHERE window_seconds = 3600 AND scope = 'cell' AND {last_minute} AND {filters}
