-- How fast public posts spread. From `interactions`, with event times in (at - span, at], so that the very latest event is
-- included. `virality` and `brand_virality` show the present, which is the watermark; for any other instant of the 90 days:
--     SELECT * FROM virality_at(at = '2026-03-01 12:00:00')
--
-- needs: watermarks

CREATE OR REPLACE VIEW virality_at (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    source LowCardinality(String) COMMENT 'the source network',
    root_post_id String COMMENT 'the public post: thread_id of its replies and shares, or its own conversation_id',
    reach_count UInt64 COMMENT 'people who could have seen the post, its replies and shares in the 7 days up to the instant, counted repeatedly',
    actor_count UInt64 COMMENT 'distinct people who wrote, shared or reacted in that time, without events that have no actor',
    shared_count UInt64 COMMENT 'shares in that time',
    reacted_count UInt64 COMMENT 'reactions in that time',
    shared_10_minutes_count UInt64 COMMENT 'shares in the last ten minutes',
    shared_10_minutes_before_count UInt64 COMMENT 'shares in the ten minutes before those',
    growth_ratio Nullable(Float64) COMMENT 'last ten minutes / the ten before; NULL if nobody shared in the latter'
) AS
SELECT tenant, source, if(thread_id = '', conversation_id, thread_id) AS root_post_id, sum(reach) AS reach_count,
    uniqExactIf(actor, actor != '') AS actor_count, countIf(type = 'public.shared') AS shared_count,
    countIf(type = 'public.reacted') AS reacted_count,
    countIf(type = 'public.shared' AND occurred_at > {at:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE) AS shared_10_minutes_count,
    countIf(type = 'public.shared' AND occurred_at > {at:DateTime64(3, 'UTC')} - INTERVAL 20 MINUTE
        AND occurred_at <= {at:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE) AS shared_10_minutes_before_count,
    if(shared_10_minutes_before_count = 0, NULL, shared_10_minutes_count / shared_10_minutes_before_count) AS growth_ratio
FROM interactions FINAL
WHERE (visibility = 'public' OR type IN ('public.shared', 'public.reacted'))
    AND occurred_at > {at:DateTime64(3, 'UTC')} - INTERVAL 7 DAY AND occurred_at <= {at:DateTime64(3, 'UTC')}
GROUP BY tenant, source, root_post_id
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW virality (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    source LowCardinality(String) COMMENT 'the source network',
    root_post_id String COMMENT 'the public post: thread_id of its replies and shares, or its own conversation_id',
    reach_count UInt64 COMMENT 'people who could have seen the post, its replies and shares in the 7 days up to the instant, counted repeatedly',
    actor_count UInt64 COMMENT 'distinct people who wrote, shared or reacted in that time, without events that have no actor',
    shared_count UInt64 COMMENT 'shares in that time',
    reacted_count UInt64 COMMENT 'reactions in that time',
    shared_10_minutes_count UInt64 COMMENT 'shares in the last ten minutes',
    shared_10_minutes_before_count UInt64 COMMENT 'shares in the ten minutes before those',
    growth_ratio Nullable(Float64) COMMENT 'last ten minutes / the ten before; NULL if nobody shared in the latter'
) AS
SELECT * FROM virality_at(at = (SELECT latest FROM watermarks));

CREATE OR REPLACE VIEW brand_virality_at (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    shared_10_minutes_count UInt64 COMMENT 'shares of public posts in the last ten minutes',
    shared_10_minutes_before_count UInt64 COMMENT 'shares in the ten minutes before those',
    growth_ratio Nullable(Float64) COMMENT 'last ten minutes / the ten before; NULL if nobody shared in the latter',
    largest_root_count UInt64 COMMENT 'shares of the most shared root post in the last ten minutes',
    largest_root_ratio Nullable(Float64) COMMENT 'its fraction of the shares in the last ten minutes, NULL if nobody shared'
) AS
SELECT tenant, sum(v.shared_10_minutes_count) AS shared_10_minutes_count,
    sum(v.shared_10_minutes_before_count) AS shared_10_minutes_before_count,
    if(shared_10_minutes_before_count = 0, NULL, shared_10_minutes_count / shared_10_minutes_before_count) AS growth_ratio,
    max(v.shared_10_minutes_count) AS largest_root_count,
    if(shared_10_minutes_count = 0, NULL, largest_root_count / shared_10_minutes_count) AS largest_root_ratio
FROM virality_at(at = {at:DateTime64(3, 'UTC')}) AS v
GROUP BY tenant
HAVING shared_10_minutes_count != 0 OR shared_10_minutes_before_count != 0;

CREATE OR REPLACE VIEW brand_virality (
    tenant LowCardinality(String) COMMENT 'brand or business unit, empty when unknown',
    shared_10_minutes_count UInt64 COMMENT 'shares of public posts in the last ten minutes',
    shared_10_minutes_before_count UInt64 COMMENT 'shares in the ten minutes before those',
    growth_ratio Nullable(Float64) COMMENT 'last ten minutes / the ten before; NULL if nobody shared in the latter',
    largest_root_count UInt64 COMMENT 'shares of the most shared root post in the last ten minutes',
    largest_root_ratio Nullable(Float64) COMMENT 'its fraction of the shares in the last ten minutes, NULL if nobody shared'
) AS
SELECT * FROM brand_virality_at(at = (SELECT latest FROM watermarks));
