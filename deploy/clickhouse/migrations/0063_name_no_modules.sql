-- 0063: comments of columns named modules of the program. Modules move, and a database that was made before kept the old names.
ALTER TABLE ledger
    COMMENT COLUMN first_response_histogram 'first response times: count by bucket, whose lower bound is bucket_lower_bound_ms(bucket)',
    COMMENT COLUMN fact_kinds 'kind of the fact, as a number';
