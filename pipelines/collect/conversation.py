"""What connectors of conversations share: who speaks gives a turn's event, its direction and its initiator."""

from pipelines.collect.connector import Field

CUSTOMER, COMPANY, MACHINE = "customer", "company", "machine"

# Unix seconds, with or without a fraction; milliseconds and microseconds by their size; or a time in ISO 8601.
TIME = """COALESCE(
    TRY_CAST({raw} AS TIMESTAMPTZ),
    TRY(make_timestamptz((TRY_CAST({raw} AS DECIMAL(24,6)) * CASE
        WHEN TRY_CAST({raw} AS DOUBLE) >= 1e14 THEN 1
        WHEN TRY_CAST({raw} AS DOUBLE) >= 1e11 THEN 1000
        ELSE 1000000
    END)::BIGINT))
)"""


def turn_name_sql(speaker: str) -> str:
    """SQL for the event name of a turn by who speaks: CUSTOMER, COMPANY or MACHINE; NULL for anybody else."""
    return (
        f"CASE {speaker} WHEN '{CUSTOMER}' THEN 'chat_message_received' "
        f"WHEN '{COMPANY}' THEN 'chat_message_sent' WHEN '{MACHINE}' THEN 'chat_message_sent' END"
    )


def speaker_fields(speaker: str) -> dict[str, Field]:
    """Direction and initiator by who speaks; anybody else counts as the customer."""
    return {
        "direction": Field(f"CASE WHEN {speaker} IN ('{COMPANY}', '{MACHINE}') THEN 'outbound' ELSE 'inbound' END"),
        "initiator": Field(
            f"CASE {speaker} WHEN '{COMPANY}' THEN 'company' WHEN '{MACHINE}' THEN 'machine' ELSE 'customer' END"
        ),
    }
