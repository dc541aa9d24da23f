"""The sample shop: natural cosmetics, 12 products and their answers, for trying the desk out and for tests.

Texts and pictures are our own. Pictures lie in `images/` and are served under /media/products/.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import orjson
from redis import Redis

from common.rag.knowledge import FAQ, Knowledge, Product, check_faq, check_product, faq_from, product_from, save
from common.rag.knowledge import load as load_knowledge

#: The name of the sample shop.
BUSINESS = "Raíz Serena"


@cache
def knowledge() -> Knowledge:
    """All rows of the sample shop."""
    products: list[Product] = [check_product(product_from(row["id"], orjson.dumps(row))) for row in _rows("products")]
    faqs: list[FAQ] = [check_faq(faq_from(row["id"], orjson.dumps(row))) for row in _rows("answers")]
    return Knowledge(tuple(products), tuple(faqs))


def images() -> Traversable:
    """The folder with one PNG per product, named after its id."""
    return files("common.sample").joinpath("images")


def load(db: Redis, tenant: str) -> int:
    """Put the sample shop into a tenant's knowledge and return the version.

    Rows of the tenant that are not ours stay. Idempotent: the version grows only when a row differs.
    """
    ours = knowledge()
    there = load_knowledge(db, tenant)
    if all(row in there.products for row in ours.products) and all(row in there.faqs for row in ours.faqs):
        return there.version
    return save(db, tenant, products=ours.products, faqs=ours.faqs)


def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(files("common.sample").joinpath(f"{name}.json").read_bytes())
    return rows
