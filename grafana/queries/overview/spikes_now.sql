-- Spikes now
-- Open episodes: runs of minutes whose counts are statistically unlikely for that hour of the week. All series
-- together have a stated budget of false ones.
SELECT count() AS spikes
FROM spikes
WHERE since <= $__toTime AND (until IS NULL OR until > $__toTime) AND since > $__toTime - 2592000 AND {filters_of_spikes}
