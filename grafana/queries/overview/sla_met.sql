-- SLA met, 1 h
-- Met / (met + missed) over the last hour, all kinds, dated by reply or due time, whichever is first.
SELECT sum(sla_met_count) / nullIf(sum(sla_met_count) + sum(sla_missed_count), 0) AS met_ratio
FROM rolling
WHERE window_seconds = 3600 AND scope = 'cell' AND {last_minute} AND {filters}
