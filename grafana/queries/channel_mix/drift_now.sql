-- Drift
-- Jensen-Shannon distance between the mix in the chosen window and that of the same hours in the four weeks before:
-- 0 identical, 1 disjoint.
SELECT drift
FROM rolling
WHERE window_seconds = ${window} AND scope = 'all' AND {last_minute}
