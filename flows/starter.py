"""What a new home starts with: commented settings, a folder per connector, example offers."""

from importlib import resources

from warehouse.home import Home

SETTINGS = """\
# Settings of this home; every one can also be set as RAPPORT_<NAME> or RAPPORT_<SECTION>_<NAME>.
# currency = "EUR"                # base currency of all sums
# rates = { USD = 0.92 }          # worth of one unit of another currency in it
# as_of = "2018-01-02"            # where the knowledge of a closed data set ends; default: the next UTC midnight

# [sources.shop]                  # who may send to `rapport collect`, docs/collector.md
# connector = "segment"
# write_key = "env:SHOP_WRITE_KEY"

[identity]
# blocked_values = ["-1", "null"] # values that name nobody

[decide]
# customer_weight = 0.5           # weight of the customer's value against the company's
# contacts_per_week = 3           # most contacts per customer in seven days
"""


def write_starter(home: Home) -> list[str]:
    """Make what is missing of it; gives the names of the files that were made."""
    from pipelines.collect.connectors import connectors

    home.prepare()
    for name in connectors():
        (home.inbox / name).mkdir(exist_ok=True)
    made = []
    if not home.settings_file.exists():
        home.settings_file.write_text(SETTINGS, encoding="utf-8")
        made.append(home.settings_file.name)
    if not any(home.offers.iterdir()):
        example = resources.files("pipelines.decide").joinpath("example_offers.toml")
        (home.offers / "example.toml").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
        made.append("offers/example.toml")
    return made
