-- 0041: `spikes` and `rolling` are documented as a row per episode and per window, and hold revisions of them. The tables get
-- names that say so, with all their rows; the old names are those of views of one row each (views/spikes.sql,
-- views/rolling.sql). Done twice, it does nothing: views are made only once this is recorded.
RENAME TABLE IF EXISTS spikes TO spike_revisions;

RENAME TABLE IF EXISTS rolling TO rolling_revisions;
