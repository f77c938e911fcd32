-- Now and before
-- Share of each channel in the range, and in the same hours of the four weeks before.
SELECT
    {channel_name},
    now_count / nullIf(sum(now_count) OVER (), 0) AS share_now,
    before_count / nullIf(sum(before_count) OVER (), 0) AS share_four_weeks_before
FROM (
    SELECT
        channel,
        sumIf(contact_count, start >= toStartOfHour($__fromTime, 'UTC')) AS now_count,
        sumIf(contact_count, start < toStartOfHour($__fromTime, 'UTC')) AS before_count
    FROM panes
    WHERE tier = 'hour' AND {filters} AND start < $__toTime AND (
        start >= toStartOfHour($__fromTime, 'UTC')
        OR arrayExists(weeks -> start >= toStartOfHour($__fromTime, 'UTC') - weeks * 604800 AND start < $__toTime - weeks * 604800, [1, 2, 3, 4])
    ) AND start >= toStartOfHour($__fromTime, 'UTC') - 2419200
    GROUP BY channel
)
ORDER BY share_now DESC
