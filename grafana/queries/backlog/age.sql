-- By age
-- Open conversations by the time since their last opening or reopening. As observed at each minute: panes have
-- this for the present only.
SELECT
    emitted_at AS time,
    sum(open_below_1h_count) AS below_1_hour,
    sum(open_1h_to_4h_count) AS from_1_to_4_hours,
    sum(open_4h_to_24h_count) AS from_4_to_24_hours,
    sum(open_1d_to_7d_count) AS from_1_to_7_days,
    sum(open_7d_to_30d_count) AS from_7_to_30_days,
    sum(open_30d_to_90d_count) AS from_30_to_90_days,
    sum(open_over_90d_count) AS over_90_days
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {every_interval} AND {filters}
GROUP BY time
ORDER BY time
