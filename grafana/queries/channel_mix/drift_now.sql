-- Drift
-- Jensen-Shannon distance of the mix in the chosen window from that of the same hours in the four weeks before:
-- 0 for equal, 1 for nothing in common.
SELECT drift
FROM rolling
WHERE window_seconds = ${window} AND scope = 'all' AND {last_minute}
