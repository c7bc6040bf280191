"""Which decisions stand: those taken on identifiers that still are nobody else's.

A decision that was taken on a customer's knowledge stands, whatever is learnt later. Where an identifier that the
customer had then belongs to somebody else now, it was taken on two people: it is taken again, as the next revision.
The draw is the same as that of a first decision, so what follows is what would have been decided without the other's
knowledge.
"""

# A row for each customer with a decision of $policy_version, $seed and $as_of: its newest revision, and whether that
# stands. The identifiers of that time are rows of `identities` that were closed later.
TAKEN = """
    WITH newest AS (
        SELECT customer_id, COALESCE(revision, 0) AS revision, commit_seq
        FROM decisions
        WHERE policy_version = $policy_version
            AND seed = $seed
            AND decided_as_of = $as_of
        QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY COALESCE(revision, 0) DESC) = 1
    ),
    began AS (
        SELECT commit_seq, MIN(started_at) AS started_at
        FROM batches
        WHERE commit_seq IN (SELECT commit_seq FROM newest)
        GROUP BY commit_seq
    ),
    closed AS (
        SELECT identifier, customer_id, valid_from, valid_to, known_from, commit_seq
        FROM identities
        WHERE known_to IS NOT NULL
            AND commit_seq > (SELECT MIN(commit_seq) FROM newest)
    ),
    lost AS (
        SELECT DISTINCT newest.customer_id
        FROM newest
        JOIN began USING (commit_seq)
        JOIN closed
            ON closed.customer_id = newest.customer_id
            AND closed.commit_seq > newest.commit_seq
            AND closed.known_from <= began.started_at
        JOIN identities AS others
            ON others.identifier = closed.identifier
            AND others.customer_id <> closed.customer_id
            AND others.known_to IS NULL
            AND COALESCE(others.valid_from, '-infinity') < COALESCE(closed.valid_to, 'infinity')
            AND COALESCE(closed.valid_from, '-infinity') < COALESCE(others.valid_to, 'infinity')
    )
    SELECT customer_id, revision, customer_id NOT IN (SELECT customer_id FROM lost) AS is_standing
    FROM newest
"""
