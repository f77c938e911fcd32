-- 0043: an id that stands for many people ("anonymous", a company's number) is left out where it is met too often: with more than
-- 256 facts in one of the stretches of 8 days into which event time is cut, and it is told how many contacts that were. What is
-- remembered of a customer lies in a row for each such stretch: its key is the pseudonym, a colon and the number of the
-- stretch since the epoch. Rows of earlier versions, one per customer, are read as they are.
ALTER TABLE ledger
    MODIFY COLUMN conversation_id String
        COMMENT 'unique within its source; of a customer: the pseudonym, a colon, and which 8 days since the epoch',
    ADD COLUMN IF NOT EXISTS left_out_contact_count Int64
        COMMENT 'contacts of ids that stand for more than one person; in none of the other numbers of known customers'
        AFTER session_verified_count;
