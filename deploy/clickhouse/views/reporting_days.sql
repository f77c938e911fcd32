-- Where the days of the reporting zone begin. The fold alone knows: a day need not begin at a full UTC hour (Asia/Kolkata),
-- have a midnight (clocks that change at 00:00) or 24 hours, and ClickHouse may know other rules of a zone than Python. So no
-- view computes where a day begins: they read it from `reporting_days`.
--
-- The day tier holds everything, for ever. Where a view continues days with hours or minutes, what had been open before
-- these begin is the sum of all days less what the hours or minutes hold themselves, so a day that begins within an hour
-- is neither counted twice nor left out.
--
-- needs: functions, watermarks

CREATE OR REPLACE VIEW reporting_days (
    start DateTime('UTC') COMMENT 'first second of a day in which anything was counted',
    day Date COMMENT 'its date in the reporting zone'
) AS
SELECT DISTINCT start, reporting_day(start, (SELECT reporting_zone FROM watermarks)) AS day
FROM ledger
WHERE kind = 'pane' AND tier = 'day';
