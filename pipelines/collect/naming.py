"""Names of events as sources write them, in snake_case."""

_PLAIN = "'[A-Z]?[a-z0-9]+([ _][A-Z]?[a-z0-9]+)*'"


def snake_sql(text: str) -> str:
    """SQL for a VARCHAR expression in snake_case, whatever its script; empty where it has neither letters nor digits.

    Nearly all names are plain words, "Product Viewed" or "product_viewed": one test is cheaper than two replacements.
    """
    split = rf"regexp_replace({text}, '([\p{{Ll}}\p{{N}}])(\p{{Lu}})', '\1_\2', 'g')"
    joined = rf"trim(regexp_replace(lower({split}), '[^\p{{L}}\p{{M}}\p{{N}}]+', '_', 'g'), '_')"
    return f"CASE WHEN regexp_full_match({text}, {_PLAIN}) THEN replace(lower({text}), ' ', '_') ELSE {joined} END"
