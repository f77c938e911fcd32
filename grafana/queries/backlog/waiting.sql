-- Who has to act
-- Open conversations by whom they wait on. As observed at each minute: panes have this for the present only.
SELECT
    emitted_at AS time,
    sum(waiting_agent_count) AS on_us,
    sum(waiting_customer_count) AS on_the_customer,
    sum(waiting_third_party_count) AS on_a_third_party
FROM rolling
WHERE window_seconds = 300 AND scope = 'cell' AND {every_interval} AND {filters}
GROUP BY time
ORDER BY time
