-- 0030: a worker that the brake stopped says so in its last sign of life, for the alert DeadLetterBrake.
ALTER TABLE workers MODIFY COLUMN state COMMENT 'starting, working, stopped, or braked: too many of its records were rejected';
