"""What a rule is that finds memberships nobody stated, declared as data, one file each in `rules`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupRule:
    """One rule; its name is its file's name, and the settings turn it on.

    `sql` is a SELECT of customer_id, group_id, identifier (the customer's, that the evidence names), evidence,
    stated_at and is_member (false: from then on no more), over the tables of the lake, `know_identifiers` and
    `know_clock` of `pipelines.know.inputs`, and `know_seen` (identifier, first_seen_at), for the customers whose
    identifiers these hold, some on certain days only (`inputs.THEN`). Rows from as_of on count for nothing.
    `{free_mail_domains}` is a list of the settings.
    """

    doc: str
    sql: str
