-- 0041: `spikes` and `rolling` are documented as a row per episode and per window, and hold revisions of them. The tables get
-- names that say so, with all their rows; 0042 makes views of the old names. In a file of its own: done twice, it does nothing.
RENAME TABLE IF EXISTS spikes TO spike_revisions;

RENAME TABLE IF EXISTS rolling TO rolling_revisions;
