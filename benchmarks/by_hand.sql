-- The work of the product's ingest as one DuckDB script, written by hand for Segment JSON lines.
-- Variables: files (paths), folder (for the result), started_at (known time), currency (base currency).

-- An identifier without blanks around it; NULL for values that name nobody.
CREATE OR REPLACE TEMP MACRO cleaned(value) AS
CASE
    WHEN regexp_full_match(
        value, '(?i: *([0-]*|test(\+[^@]*)?@.*|-1|null|undefined|none|anonymous|unknown|n/a) *)'
    ) THEN NULL
    ELSE trim(value)
END;

CREATE OR REPLACE TEMP MACRO priority(kind) AS
CASE kind
    WHEN 'user_id' THEN 100 WHEN 'customer_id' THEN 95 WHEN 'household_id' THEN 90 WHEN 'loyalty_id' THEN 80
    WHEN 'email' THEN 50 WHEN 'phone' THEN 40 WHEN 'device_id' THEN 20 WHEN 'anonymous_id' THEN 10 ELSE 1
END;

-- rowid is the order of the input, so a line's number in its file follows without a window over all lines.
-- Members that no column takes must not be lost, so each line is read as a whole; few lines have such members.
CREATE OR REPLACE TEMP TABLE lines AS
WITH objects AS (
    SELECT
        filename,
        json,
        from_json(
            json,
            '{"type": "VARCHAR", "messageId": "VARCHAR", "userId": "VARCHAR", "anonymousId": "VARCHAR",
              "previousId": "VARCHAR", "event": "VARCHAR", "timestamp": "VARCHAR", "originalTimestamp": "VARCHAR",
              "sentAt": "VARCHAR", "receivedAt": "VARCHAR", "context": "JSON", "properties": "JSON", "traits": "JSON"}'
        ) AS r
    FROM read_json_objects(
        getvariable('files'),
        format = 'newline_delimited',
        ignore_errors = true,
        filename = true,
        maximum_object_size = 33554432
    )
)
SELECT
    filename,
    r.*,
    CASE
        WHEN len(json_keys(json)) > (r.type IS NOT NULL)::INTEGER + (r.messageId IS NOT NULL)::INTEGER
            + (r.userId IS NOT NULL)::INTEGER + (r.anonymousId IS NOT NULL)::INTEGER
            + (r.previousId IS NOT NULL)::INTEGER + (r.event IS NOT NULL)::INTEGER
            + (r.timestamp IS NOT NULL)::INTEGER + (r.originalTimestamp IS NOT NULL)::INTEGER
            + (r.sentAt IS NOT NULL)::INTEGER + (r.receivedAt IS NOT NULL)::INTEGER
            + (r.context IS NOT NULL)::INTEGER + (r.properties IS NOT NULL)::INTEGER
            + (r.traits IS NOT NULL)::INTEGER
        THEN json_merge_patch(
            json,
            '{"type": null, "messageId": null, "userId": null, "anonymousId": null, "previousId": null, "event": null,
              "timestamp": null, "originalTimestamp": null, "sentAt": null, "receivedAt": null, "context": null,
              "properties": null, "traits": null}'
        )::VARCHAR
    END AS others
FROM objects;

CREATE OR REPLACE TEMP TABLE landed AS
SELECT filename, left(sha256(filename), 32) AS file_id, MIN(rowid) AS first_line
FROM lines
GROUP BY filename;

-- There are few event names: each is put into snake_case once.
CREATE OR REPLACE TEMP TABLE names AS
WITH snake AS (
    SELECT DISTINCT
        event,
        trim(regexp_replace(
            lower(regexp_replace(event, '([\p{Ll}\p{N}])(\p{Lu})', '\1_\2', 'g')), '[^\p{L}\p{N}]+', '_', 'g'
        ), '_') AS name
    FROM lines
    WHERE type = 'track'
)
SELECT
    event,
    CASE name
        WHEN 'email_link_clicked' THEN 'email_clicked'
        WHEN 'email_marked_as_spam' THEN 'email_complained'
        WHEN 'unsubscribed' THEN 'email_unsubscribed'
        ELSE name
    END AS event_name,
    length(event_name) <= 255 AND regexp_full_match(event_name, '[\p{Ll}\p{Lm}\p{Lo}\p{M}\p{N}_]+') AS is_good_name
FROM snake;

CREATE OR REPLACE TEMP TABLE calls AS
WITH parsed AS (
    SELECT
        lines.rowid AS line,
        lines.*,
        COALESCE(event_name, type) AS event_name,
        COALESCE(is_good_name, TRUE) AS is_good_name,
        COALESCE(lower(context ->> '$.channel'), 'web') AS said_channel,
        cleaned(userId) AS user_id,
        cleaned(COALESCE(anonymousId, previousId)) AS anonymous_id,
        TRY_CAST(timestamp AS TIMESTAMPTZ) AS stamped,
        TRY_CAST(originalTimestamp AS TIMESTAMPTZ) AS original,
        TRY_CAST(sentAt AS TIMESTAMPTZ) AS sent,
        TRY_CAST(receivedAt AS TIMESTAMPTZ) AS received,
        abs(epoch_us(received) - epoch_us(sent)) > 300000000 AS is_skewed,
        from_json(
            properties,
            '{"revenue": "VARCHAR", "total": "VARCHAR", "value": "VARCHAR", "currency": "VARCHAR",
              "quantity": "VARCHAR", "product_id": "VARCHAR", "category": "VARCHAR", "order_id": "VARCHAR",
              "campaign_id": "VARCHAR", "offer_id": "VARCHAR", "decision_id": "VARCHAR", "contact_id": "VARCHAR",
              "message_id": "VARCHAR",
              "products": [{"product_id": "VARCHAR", "sku": "VARCHAR", "category": "VARCHAR",
                            "quantity": "VARCHAR", "price": "VARCHAR"}]}'
        ) AS p
    FROM lines
    LEFT JOIN names ON lines.type = 'track' AND lines.event = names.event
),
listed AS (
    SELECT
        *,
        CASE WHEN type = 'identify' OR previousId IS NOT NULL OR contains(context, '"externalIds"') THEN
            list_sort(list_distinct(list_filter(
                list_concat(
                    [{'kind': 'user_id', 'value': user_id}, {'kind': 'anonymous_id', 'value': anonymous_id},
                     {'kind': 'anonymous_id', 'value': cleaned(previousId)},
                     {'kind': 'email', 'value': cleaned(lower(traits ->> '$.email'))},
                     {'kind': 'phone',
                      'value': cleaned(international(
                          regexp_replace(traits ->> '$.phone', '[-\s().,/\x{2010}-\x{2015}]', '', 'g')
                      ))}],
                    [{'kind': external.type, 'value': cleaned(external.id)}
                     FOR external IN from_json(context -> '$.externalIds', '[{"id": "VARCHAR", "type": "VARCHAR"}]')]
                ),
                lambda i: i.value IS NOT NULL AND i.kind <> ''
            )))
        END AS all_identifiers
    FROM parsed
),
identified AS (
    SELECT
        *,
        CASE
            WHEN all_identifiers IS NOT NULL THEN all_identifiers
            WHEN user_id IS NULL AND anonymous_id IS NULL THEN []
            WHEN user_id IS NULL THEN [{'kind': 'anonymous_id', 'value': anonymous_id}]
            WHEN anonymous_id IS NULL THEN [{'kind': 'user_id', 'value': user_id}]
            ELSE [{'kind': 'anonymous_id', 'value': anonymous_id}, {'kind': 'user_id', 'value': user_id}]
        END AS identifiers,
        CASE
            WHEN user_id IS NOT NULL THEN 'user_id:' || user_id
            WHEN all_identifiers IS NULL THEN 'anonymous_id:' || anonymous_id
            ELSE list_transform(
                list_sort([{'rank': -priority(i.kind), 'value': i.value, 'kind': i.kind} FOR i IN all_identifiers]),
                lambda i: i.kind || ':' || i.value
            )[1]
        END AS anchor,
        COALESCE(stamped, CASE WHEN is_skewed THEN original + (received - sent) ELSE original END, sent, received)
            AS said_at,
        COALESCE(said_at > received + INTERVAL 24 HOUR, FALSE) AS is_future,
        COALESCE(p.revenue, p.total, p.value) AS money,
        TRY_CAST(money AS DECIMAL(18, 4)) AS amount,
        TRY_CAST(p.quantity AS DECIMAL(18, 4)) AS quantity,
        upper(p.currency) AS currency,
        CASE WHEN p.products IS NOT NULL THEN
            [{'product_id': COALESCE(i.product_id, i.sku),
              'category': i.category,
              'quantity': TRY_CAST(i.quantity AS DECIMAL(18, 4)),
              'amount': CAST(TRY_CAST(i.price AS DECIMAL(18, 4)) * COALESCE(TRY_CAST(i.quantity AS DECIMAL(18, 4)), 1)
                             AS DECIMAL(18, 4))} FOR i IN p.products]
        END AS items
    FROM listed
)
SELECT
    line,
    filename,
    messageId AS event_id,
    CASE
        WHEN starts_with(event_name, 'email_') THEN 'email'
        WHEN said_channel IN ('browser', 'client', 'server') THEN 'web'
        WHEN said_channel IN ('mobile', 'ios', 'android') THEN 'app'
        ELSE said_channel
    END AS channel,
    event_name,
    CASE WHEN is_future THEN received ELSE said_at END AS occurred_at,
    received AS received_at,
    CASE
        WHEN is_future THEN 'clamped'
        WHEN stamped IS NOT NULL THEN 'occurred'
        WHEN original IS NOT NULL AND is_skewed THEN 'corrected'
        WHEN original IS NOT NULL THEN 'occurred'
        WHEN sent IS NOT NULL THEN 'sent'
        ELSE 'received'
    END AS time_basis,
    identifiers,
    anchor,
    amount,
    currency,
    quantity,
    p.product_id AS product_id,
    p.category AS category,
    p.order_id AS order_id,
    items,
    p.campaign_id AS campaign_id,
    p.offer_id AS offer_id,
    p.decision_id AS decision_id,
    COALESCE(p.contact_id, p.message_id) AS contact_id,
    '{' || concat_ws(
        ',',
        NULLIF(substr(properties, 2, length(properties) - 2), ''),
        '"context":' || context,
        '"traits":' || traits,
        NULLIF(substr(others, 2, length(others) - 2), '')
    ) || '}' AS properties,
    CASE
        WHEN COALESCE(type, messageId, receivedAt, timestamp, userId, anonymousId, event) IS NULL THEN 'bad_json'
        WHEN type IS NULL OR type NOT IN ('identify', 'track', 'page', 'screen', 'group', 'alias') THEN 'unknown_call'
        WHEN type = 'track' AND COALESCE(event, '') = '' THEN 'missing_event_name'
        WHEN COALESCE(messageId, '') = '' THEN 'missing_event_id'
        WHEN left(properties, 1) <> '{' OR left(context, 1) <> '{' OR left(traits, 1) <> '{' THEN 'wrong_type_object'
        WHEN len(p.products) > 0 AND len(list_filter(
            p.products,
            lambda i: (i.quantity IS NOT NULL AND TRY_CAST(i.quantity AS DECIMAL(18, 4)) IS NULL)
                OR (i.price IS NOT NULL AND TRY_CAST(i.price AS DECIMAL(18, 4)) IS NULL)
        )) > 0 THEN 'wrong_type_items'
        WHEN len(identifiers) = 0 THEN 'missing_identifier'
        WHEN timestamp <> '' AND stamped IS NULL THEN 'wrong_type_occurred_at'
        WHEN originalTimestamp <> '' AND original IS NULL THEN 'wrong_type_original_at'
        WHEN sentAt <> '' AND sent IS NULL THEN 'wrong_type_sent_at'
        WHEN receivedAt <> '' AND received IS NULL THEN 'wrong_type_received_at'
        WHEN money <> '' AND amount IS NULL THEN 'wrong_type_amount'
        WHEN p.quantity <> '' AND quantity IS NULL THEN 'wrong_type_quantity'
        WHEN said_at IS NULL THEN 'missing_time'
        WHEN trim(messageId) = '' THEN 'event_id_blank'
        WHEN messageId IN ('null', 'NULL', 'none', 'None', 'nan', 'NaN', 'undefined', 'n/a', 'N/A')
            THEN 'event_id_placeholder'
        WHEN length(messageId) > 1000 THEN 'event_id_too_long'
        WHEN length(p.order_id) > 1000 THEN 'order_id_too_long'
        WHEN length(p.product_id) > 1000 THEN 'product_id_too_long'
        WHEN length(p.campaign_id) > 1000 THEN 'campaign_id_too_long'
        WHEN length(p.offer_id) > 1000 THEN 'offer_id_too_long'
        WHEN length(COALESCE(p.contact_id, p.message_id)) > 1000 THEN 'contact_id_too_long'
        WHEN NOT is_good_name THEN 'event_name_not_snake_case'
        WHEN said_channel <> 'web'
            AND (length(said_channel) > 255 OR NOT regexp_full_match(said_channel, '[\p{Ll}\p{Lo}\p{M}\p{N}_]+'))
            THEN 'channel_not_snake_case'
        WHEN said_at NOT BETWEEN TIMESTAMPTZ '1970-01-01' AND TIMESTAMPTZ '2200-01-01' THEN 'occurred_at_out_of_range'
        WHEN received NOT BETWEEN TIMESTAMPTZ '1970-01-01' AND TIMESTAMPTZ '2200-01-01' THEN 'received_at_out_of_range'
        WHEN abs(amount) > 10000000000 THEN 'amount_out_of_range'
        WHEN abs(quantity) > 10000000000 THEN 'quantity_out_of_range'
        WHEN amount IS NOT NULL AND NOT regexp_full_match(currency, '[A-Z]{3}') THEN 'currency_not_iso_4217'
    END AS reason_code
FROM identified;

DROP TABLE lines;

COPY (
    SELECT
        left(sha256(file_id || ':' || line || ':' || reason_code), 32) AS rejection_id,
        'segment' AS connector,
        'segment' AS source,
        reason_code,
        'the call is refused: ' || replace(reason_code, '_', ' ') AS reason,
        'validate' AS stage,
        file_id,
        line - first_line + 1 AS row_number,
        0::INTEGER AS element,
        getvariable('started_at') AS rejected_at,
        'batch' AS batch_id,
        1::BIGINT AS commit_seq
    FROM calls
    JOIN landed USING (filename)
    WHERE reason_code IS NOT NULL
) TO (getvariable('folder') || '/rejections.parquet') (FORMAT parquet);

-- Only ids that occur twice are looked at: the winner is the earliest received, else the smallest content.
CREATE OR REPLACE TEMP TABLE losers AS
WITH copied AS (
    SELECT event_id
    FROM calls
    WHERE reason_code IS NULL
    GROUP BY event_id
    HAVING COUNT(*) > 1
),
digested AS (
    SELECT
        *,
        sha256(concat_ws('|', event_name, occurred_at, anchor, amount, items::VARCHAR, properties)) AS content_sha256
    FROM calls
    SEMI JOIN copied USING (event_id)
    WHERE reason_code IS NULL
)
SELECT *, first(content_sha256) OVER copies AS winner_sha256
FROM digested
WINDOW copies AS (PARTITION BY event_id ORDER BY received_at NULLS LAST, content_sha256, line)
QUALIFY row_number() OVER copies > 1;

-- A losing copy that says something else is kept beside the events.
COPY (
    SELECT * EXCLUDE (winner_sha256, reason_code), 1::BIGINT AS commit_to
    FROM losers
    WHERE content_sha256 <> winner_sha256
    QUALIFY row_number() OVER (PARTITION BY event_id, content_sha256 ORDER BY line) = 1
) TO (getvariable('folder') || '/interaction_versions.parquet') (FORMAT parquet);

-- Sorted while narrow: constants, keys and the file's id come after, in the order of this table.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT calls.* EXCLUDE (line, filename, reason_code), file_id, line - first_line + 1 AS row_number
FROM calls
ANTI JOIN losers USING (line)
JOIN landed USING (filename)
WHERE reason_code IS NULL
ORDER BY occurred_at;

DROP TABLE calls;

COPY (
    SELECT
        left(sha256('7:segment' || length(event_id) || ':' || event_id), 32) AS interaction_id,
        'segment' AS source,
        'segment' AS connector,
        event_id,
        NULL::VARCHAR AS source_version,
        channel,
        event_name,
        'inbound' AS direction,
        'customer' AS initiator,
        occurred_at,
        COALESCE(received_at, getvariable('started_at')) AS received_at,
        getvariable('started_at') AS ingested_at,
        received_at IS NULL AS is_received_assigned,
        time_basis,
        identifiers,
        anchor,
        amount,
        currency,
        NULL::DECIMAL(18, 4) AS margin,
        quantity,
        product_id,
        category,
        order_id,
        items,
        campaign_id,
        offer_id,
        decision_id,
        contact_id,
        NULL::DOUBLE AS score,
        NULL::DOUBLE AS sentiment,
        FALSE AS is_machine,
        NULL::VARCHAR AS text,
        NULL::JSON AS consents,
        properties::JSON AS properties,
        'batch' AS batch_id,
        file_id,
        row_number,
        0::INTEGER AS element,
        1::BIGINT AS commit_seq
    FROM kept
) TO (getvariable('folder') || '/interactions.parquet') (FORMAT parquet);

COPY (
    SELECT
        anchor,
        occurred_at::DATE AS day,
        channel,
        event_name,
        COUNT(*) AS interaction_count,
        0::BIGINT AS machine_count,
        SUM(amount) FILTER (COALESCE(currency, getvariable('currency')) = getvariable('currency'))
            ::DECIMAL(18, 4) AS amount,
        COUNT(*) FILTER (amount IS NOT NULL AND currency <> getvariable('currency')) AS unconverted_count,
        SUM(quantity)::DECIMAL(18, 4) AS quantity,
        MIN(occurred_at) AS first_at,
        MAX(occurred_at) AS last_at,
        1::BIGINT AS commit_seq
    FROM kept
    WHERE anchor IS NOT NULL
    GROUP BY ALL
    ORDER BY anchor, day
) TO (getvariable('folder') || '/daily_activity.parquet') (FORMAT parquet);

COPY (
    WITH sold AS (
        SELECT anchor, occurred_at, event_name, currency, unnest(items, recursive := true)
        FROM kept
        WHERE items IS NOT NULL
    ),
    seen AS (
        SELECT anchor, occurred_at, event_name, currency, category, quantity, amount
        FROM kept
        WHERE items IS NULL AND category IS NOT NULL
        UNION ALL BY NAME
        SELECT anchor, occurred_at, event_name, currency, category, quantity, amount
        FROM sold
        WHERE category IS NOT NULL
    )
    SELECT
        anchor,
        occurred_at::DATE AS day,
        category,
        event_name,
        COUNT(*) AS interaction_count,
        SUM(amount) FILTER (COALESCE(currency, getvariable('currency')) = getvariable('currency'))
            ::DECIMAL(18, 4) AS amount,
        COUNT(*) FILTER (amount IS NOT NULL AND currency <> getvariable('currency')) AS unconverted_count,
        SUM(quantity)::DECIMAL(18, 4) AS quantity,
        1::BIGINT AS commit_seq
    FROM seen
    WHERE anchor IS NOT NULL
    GROUP BY ALL
    ORDER BY anchor, day
) TO (getvariable('folder') || '/daily_categories.parquet') (FORMAT parquet);

COPY (
    SELECT
        'segment' AS source,
        COALESCE(order_id, 'event:' || event_id) AS order_id,
        MIN(anchor) AS anchor,
        COALESCE(list(DISTINCT anchor ORDER BY anchor) FILTER (anchor IS NOT NULL), []) AS anchors,
        MIN(channel) AS channel,
        MIN(occurred_at) AS ordered_at,
        MAX(occurred_at) AS completed_at,
        MIN(occurred_at) AS first_at,
        MAX(occurred_at) AS last_at,
        SUM(COALESCE(len(items), 1))::BIGINT AS line_count,
        SUM(amount) FILTER (COALESCE(currency, getvariable('currency')) = getvariable('currency'))
            ::DECIMAL(18, 4) AS amount,
        COUNT(*) FILTER (amount IS NOT NULL AND currency <> getvariable('currency')) AS unconverted_count,
        SUM(COALESCE(list_sum([i.quantity FOR i IN items]), quantity))::DECIMAL(18, 4) AS quantity,
        NULL::DECIMAL(18, 4) AS refunded_amount,
        1::BIGINT AS commit_seq
    FROM kept
    WHERE event_name = 'order_completed'
    GROUP BY ALL
    ORDER BY ordered_at
) TO (getvariable('folder') || '/orders.parquet') (FORMAT parquet);

COPY (
    WITH stated AS (
        SELECT
            left(sha256('7:segment' || length(event_id) || ':' || event_id), 32) AS interaction_id,
            anchor,
            occurred_at,
            trait.key AS name,
            trait.value ->> '$' AS value
        FROM kept
        CROSS JOIN json_each(kept.properties, '$.traits') AS trait
        WHERE event_name = 'identify'
            AND anchor IS NOT NULL
            AND json_type(kept.properties, '$.traits') = 'OBJECT'
            AND trait.type <> 'NULL'
        QUALIFY row_number() OVER (PARTITION BY interaction_id, name ORDER BY trait.id) = 1
    )
    SELECT
        left(sha256('32:' || interaction_id || length(name) || ':' || name), 32) AS statement_id,
        interaction_id,
        anchor,
        name,
        value,
        occurred_at AS stated_at,
        1::BIGINT AS commit_seq
    FROM stated
    ORDER BY anchor
) TO (getvariable('folder') || '/statements.parquet') (FORMAT parquet);
