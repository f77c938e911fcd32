-- How much the community depends on a few helpers. From `interactions`, so for its 90 days. Only the distribution is shown: no
-- name or pseudonym, and no number of a single helper as such.
--
-- needs: reporting_days

CREATE OR REPLACE VIEW peer_concentration_by_day (
    day Date COMMENT 'day in the reporting zone',
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    measure LowCardinality(String) COMMENT 'message: messages by peers; solution: accepted solutions by peers, less those withdrawn on that day',
    helper_count UInt64 COMMENT 'peers with at least one; the ratios refer to their total',
    helped_count Int64 COMMENT 'messages or solutions by these peers',
    unknown_count Int64 COMMENT 'messages or solutions by peers without an actor; not in the other columns',
    top_1_percent_ratio Float64 COMMENT 'share of the busiest hundredth of the helpers, at least one helper',
    top_5_percent_ratio Float64 COMMENT 'share of the busiest twentieth, at least one',
    top_10_percent_ratio Float64 COMMENT 'share of the busiest tenth, at least one',
    gini_ratio Float64 COMMENT 'Gini coefficient: 0 if all help equally, approaching 1 if one helper does everything',
    herfindahl_ratio Float64 COMMENT 'sum of the squared shares: 1 if one helper does everything, 1 / helper_count if all help equally'
) AS
SELECT day, tenant, measure, length(counts) AS helper_count, arraySum(counts) AS helped_count, unknown_count,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.01)))) / arraySum(counts) AS top_1_percent_ratio,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.05)))) / arraySum(counts) AS top_5_percent_ratio,
    arraySum(arraySlice(counts, 1, toUInt32(ceil(length(counts) * 0.1)))) / arraySum(counts) AS top_10_percent_ratio,
    -- The counts are in descending order: with ranks from the busiest on, the sign of G = (n + 1 - 2 * sum(rank * count) / sum) / n is reversed.
    (2 * arraySum((count, rank) -> count * (helper_count + 1 - rank), counts, arrayEnumerate(counts)) / helped_count
        - helper_count - 1) / helper_count AS gini_ratio,
    arraySum(count -> pow(count / helped_count, 2), counts) AS herfindahl_ratio
FROM (
    SELECT day, tenant, measure, arrayReverseSort(groupArrayIf(helped, actor != '' AND helped > 0)) AS counts,
        sumIf(helped, actor = '') AS unknown_count
    FROM (
        SELECT d.day AS day, tenant, if(type = 'message.created', 'message', 'solution') AS measure, actor,
            sum(if(type = 'solution.unaccepted', -1, 1)) AS helped
        FROM (
            SELECT 1 AS one, toDateTime(occurred_at, 'UTC') AS at, tenant, type, actor
            FROM interactions FINAL
            WHERE actor_kind = 'peer' AND type IN ('message.created', 'solution.accepted', 'solution.unaccepted')
        ) AS i
        ASOF JOIN (SELECT 1 AS one, start, day FROM reporting_days) AS d ON i.one = d.one AND i.at >= d.start
        GROUP BY day, tenant, measure, actor
    )
    GROUP BY day, tenant, measure
)
WHERE notEmpty(counts)
SETTINGS do_not_merge_across_partitions_select_final = 1;
