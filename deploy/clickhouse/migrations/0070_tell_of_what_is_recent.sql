-- 0070: people are told only of what is recent, and once of each incident: of each episode, when they were told and which
-- incident it belongs to. Of all earlier episodes they were told when they were detected.
ALTER TABLE spike_revisions
    ADD COLUMN IF NOT EXISTS told_at Nullable(DateTime('UTC')) DEFAULT detected_at COMMENT 'end of the minute in which it was announced, NULL if it was not',
    ADD COLUMN IF NOT EXISTS incident_id String DEFAULT episode_id COMMENT 'the first episode of its incident, possibly itself';
