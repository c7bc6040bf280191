"""What the simulated shop sells, and the pages on which it shows it."""

import json

import numpy as np
import pyarrow as pa

from pipelines.simulate.columns import Array

CURRENCY = "EUR"
CATEGORIES = (
    "coffee",
    "tea",
    "bakery",
    "fruit",
    "dairy",
    "household",
    "garden",
    "books",
    "toys",
    "sport",
    "beauty",
    "electronics",
)
TIERS = 40
DEAREST = 500.0
SHOP = "https://shop.example"
PLACES = ("home", "account", "cart", "checkout", "search")
HOME, ACCOUNT, CART, CHECKOUT, SEARCH = range(len(PLACES))

_TIER_CENTS = np.rint(100 * DEAREST ** (np.arange(TIERS) / (TIERS - 1))).astype(np.int64)
PRICE_CENTS: Array = np.tile(_TIER_CENTS, len(CATEGORIES))
PRODUCT_ID = pa.array([f"P{c:02d}{t:02d}" for c in range(len(CATEGORIES)) for t in range(TIERS)])
CATEGORY = pa.array(CATEGORIES)


def product_near(category: Array, price: Array) -> Array:
    """The product of each category whose price is nearest to `price` (currency units), on a log scale."""
    tier = np.rint(np.log(np.maximum(price, 1e-9)) / np.log(DEAREST) * (TIERS - 1))
    found: Array = category * TIERS + np.clip(tier, 0, TIERS - 1).astype(np.int64)
    return found


def category_of(product: Array) -> Array:
    """The category of each product."""
    return product // TIERS


def category_page(category: Array) -> Array:
    """The page of each category."""
    return len(PLACES) + category


def product_page(product: Array) -> Array:
    """The page of each product."""
    return len(PLACES) + len(CATEGORIES) + product


def product_texts() -> pa.Array:
    """The members of each product's JSON object, in the words of Segment's e-commerce spec, no braces."""
    return pa.array(
        [
            f'"product_id":"{product}","sku":"{product}-EU","category":"{category}",'
            f'"name":"{category.title()} no. {number % TIERS + 1}","price":{cents / 100:.2f}'
            for number, (product, category, cents) in enumerate(_products())
        ]
    )


def search_texts() -> pa.Array:
    """The properties of a search for each category."""
    return pa.array([_json({"query": category}) for category in CATEGORIES])


def page_texts() -> tuple[pa.Array, pa.Array]:
    """Each page (places, then categories, then products) as JSON: for the context, and as properties."""
    places = [("/" if name == "home" else f"/{name}", name.title()) for name in PLACES]
    categories = [(f"/c/{name}", name.title()) for name in CATEGORIES]
    products = [(f"/p/{product}", f"{category.title()} {product}") for product, category, _ in _products()]
    pages = places + categories + products
    return (
        pa.array([_json({"path": path, "url": SHOP + path}) for path, _ in pages]),
        pa.array([_json({"path": path, "title": title, "url": SHOP + path}) for path, title in pages]),
    )


def _products() -> list[tuple[str, str, int]]:
    categories = np.repeat(CATEGORIES, TIERS).tolist()
    return list(zip(PRODUCT_ID.to_pylist(), categories, PRICE_CENTS.tolist(), strict=True))


def _json(members: dict[str, str]) -> str:
    return json.dumps(members, separators=(",", ":"))
