-- Burden per case
-- Queue waits, transfers, repeats and channel hops of a known customer's case, on average.
SELECT sum(queue_wait_count + case_transfer_count + repeat_within_week_count + hop_within_week_count) / nullIf(sum(case_began_count), 0) AS burden_per_case
FROM panes_between(from = $__fromTime, to = $__toTime)
WHERE {filters}
