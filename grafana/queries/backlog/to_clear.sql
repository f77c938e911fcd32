-- Time to clear
-- Backlog divided by the excess of departures over arrivals in the chosen window; none without such an excess.
SELECT if(sum(departed_count) > sum(arrived_count), sum(open_count) * ${window} / (sum(departed_count) - sum(arrived_count)), NULL) AS time_to_clear_seconds
FROM rolling
WHERE window_seconds = ${window} AND scope = 'cell' AND {last_minute} AND {filters}
