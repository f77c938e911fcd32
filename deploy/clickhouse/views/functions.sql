-- SQL functions used by the views. A server has one set for all its databases. A view keeps the body that a function had when
-- the view was created, so a change here re-creates every view that needs this file.

-- Smallest duration of a bucket of a histogram, ms (streams/panes/histograms.py has the same in Python).
CREATE OR REPLACE FUNCTION bucket_lower_bound_ms AS (bucket) ->
    if(bucket < 32, toUInt64(bucket), bitShiftLeft(toUInt64(16 + bitAnd(bucket, 15)), bitShiftRight(bucket, 4) - 1));

-- Quantile of a histogram (Map of bucket to count), ms: the midpoint of the bucket that contains it, NULL when empty.
-- Buckets that were taken back to zero have no effect.
CREATE OR REPLACE FUNCTION histogram_quantile_ms AS (histogram, level) ->
    arrayFirst(
        (bucket, total) -> total >= greatest(1, ceil(level * arraySum(mapValues(histogram)))),
        arrayConcat(
            arrayMap(
                pair -> toNullable((bucket_lower_bound_ms(pair.1) + bucket_lower_bound_ms(pair.1 + 1) - if(pair.1 < 32, 1, 0)) / 2),
                arraySort(arrayZip(mapKeys(histogram), mapValues(histogram)))
            ),
            [NULL]
        ),
        arrayConcat(
            arrayCumSum(arrayMap(pair -> pair.2, arraySort(arrayZip(mapKeys(histogram), mapValues(histogram))))),
            [toInt64(9223372036854775807)]
        )
    );

-- Sum of those parts of a spread by hour of expiry that have not expired at an instant (key 0: never expires).
CREATE OR REPLACE FUNCTION unexpired AS (spread, instant) ->
    arraySum(
        (hour, count) -> if(hour = 0 OR toUInt64(hour) * 3600 > toUnixTimestamp(instant), count, 0),
        mapKeys(spread), mapValues(spread)
    );

-- The date of a day by its start. Noon, because it has the same date even if the clocks change at midnight.
CREATE OR REPLACE FUNCTION reporting_day AS (start, zone) -> toDate(toTimezone(start + INTERVAL 12 HOUR, zone));

-- The same local time so many weeks after an instant.
CREATE OR REPLACE FUNCTION weeks_later AS (at, weeks, zone) ->
    at + weeks * 604800 + timeZoneOffset(toTimezone(at, zone)) - timeZoneOffset(toTimezone(at + weeks * 604800, zone));

-- The tier that suits a span: the minute up to 12 hours, the hour up to 62 days, as far back as they are complete (14 and 400
-- days); otherwise the day.
CREATE OR REPLACE FUNCTION tier_of_span AS (begins_at, ends_at, latest_at) ->
    multiIf(
        ends_at - begins_at <= 43200 AND begins_at >= latest_at - INTERVAL 14 DAY, 'minute',
        ends_at - begins_at <= 5356800 AND begins_at >= latest_at - INTERVAL 400 DAY, 'hour', 'day'
    );

-- Distance between two distributions given as arrays of weights: the square root of their Jensen-Shannon divergence in bits.
-- Source: Lin, Divergence measures based on the Shannon entropy (1991).
CREATE OR REPLACE FUNCTION jensen_shannon_distance AS (one, other) ->
    sqrt(greatest(0, arraySum(
        (p, q) -> if(p = 0, 0, p * log2(2 * p / (p + q))) / 2 + if(q = 0, 0, q * log2(2 * q / (p + q))) / 2,
        arrayMap(x -> x / arraySum(one), one), arrayMap(x -> x / arraySum(other), other)
    )));
