-- Where the days of the reporting zone begin. Only the fold decides that: a day need not begin at a full UTC hour
-- (Asia/Kolkata), have a midnight (clocks that change at 00:00) or 24 hours, and the zone rules of ClickHouse may differ from
-- Python's. So no view computes where a day begins: they read it from `reporting_days`.
--
-- The day tier contains everything, for ever. Where a view continues days with hours or minutes, what was open before those
-- begin is the sum of all days less that of the hours or minutes, so a day that begins within an hour is neither counted
-- twice nor left out.
--
-- needs: functions, watermarks

CREATE OR REPLACE VIEW reporting_days (
    start DateTime('UTC') COMMENT 'first second of a day in which anything was counted',
    day Date COMMENT 'its date in the reporting zone'
) AS
SELECT DISTINCT start, reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day
FROM ledger
WHERE kind = 'pane' AND tier = 'day';
