-- 0005: SQL functions for the histograms of panes (streams/panes/histograms.py has the same in Python).

-- Smallest duration of a bucket, ms.
CREATE OR REPLACE FUNCTION bucket_lower_bound_ms AS (bucket) ->
    if(bucket < 32, toUInt64(bucket), bitShiftLeft(toUInt64(16 + bitAnd(bucket, 15)), bitShiftRight(bucket, 4) - 1));

-- Quantile of a histogram (Map of bucket to count), ms: the middle of the bucket that holds it, NULL when empty.
-- Buckets taken back to zero count for nothing.
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

-- Sum of a spread by hour of expiry that has not expired at an instant (key 0: never expires).
CREATE OR REPLACE FUNCTION unexpired AS (spread, instant) ->
    arraySum(
        (hour, count) -> if(hour = 0 OR toUInt64(hour) * 3600 > toUnixTimestamp(instant), count, 0),
        mapKeys(spread), mapValues(spread)
    );
