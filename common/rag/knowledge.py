"""What a shop knows: products and answers, as rows in Redis.

`save` validates, replaces and grows the version in one transaction; workers see the version and reload their index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import orjson
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from common.errors import RelevoError
from common.store import keys

LANGUAGES = ("es", "en", "pt")

Row = TypeVar("Row", "Product", "FAQ")

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST_TEXT = 4000
_MOST_ALIASES = 50


class KnowledgeError(RelevoError):
    """A row of the shop's knowledge is wrong."""

    http_status = 422


@dataclass(frozen=True, slots=True)
class ProductText:
    """A product in one language."""

    name: str
    description: str
    category: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """A thing for sale. `price` is a decimal number as text, None when it is asked for; `currency` ISO 4217.

    `images` are links, absolute or relative to BASE_URL; `texts` has the other languages, `lang` the one of the row.
    """

    id: str
    name: str
    description: str
    price: str | None = None
    currency: str = "COP"
    images: tuple[str, ...] = ()
    url: str | None = None
    category: str = ""
    aliases: tuple[str, ...] = ()
    lang: str = "es"
    texts: Mapping[str, ProductText] = field(default_factory=dict)

    def variants(self) -> dict[str, ProductText]:
        """Language to text, the row's own included."""
        return {self.lang: ProductText(self.name, self.description, self.category, self.aliases), **self.texts}


@dataclass(frozen=True, slots=True)
class FAQ:
    """An answer, the question it was written for, and other ways to ask it, in one language."""

    id: str
    question: str
    answer: str
    aliases: tuple[str, ...] = ()
    lang: str = "es"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All rows of a shop, and the version they were read at. `problems` tells of rows that were left out as wrong."""

    products: tuple[Product, ...] = ()
    faqs: tuple[FAQ, ...] = ()
    version: int = 0
    problems: tuple[str, ...] = ()


def price_text(price: str | None, currency: str, lang: str) -> str:
    """A price as customers read it: "$ 48.900 COP", in English "$ 48,900 COP"; nothing when there is no price."""
    if price is None:
        return ""
    amount = Decimal(price)
    places = 0 if currency in {"COP", "CLP", "PYG", "JPY"} and amount == amount.to_integral_value() else 2
    digits = f"{amount:,.{places}f}"
    if lang != "en":
        digits = digits.translate(str.maketrans(",.", ".,"))
    sign = {"EUR": "€", "BRL": "R$"}.get(currency, "$")
    return f"{sign} {digits}" if currency in {"EUR", "BRL"} else f"{sign} {digits} {currency}"


def save(
    db: Redis, tenant: str, *, products: Iterable[Product] = (), faqs: Iterable[FAQ] = (), replace: bool = False
) -> int:
    """Write rows (by id; with `replace`, instead of all others) and return the new version.

    Raises:
        KnowledgeError: a row is wrong; nothing was written.
    """
    product_rows: dict[Any, Any] = {row.id: _dump(check_product(row)) for row in products}
    faq_rows: dict[Any, Any] = {row.id: _dump(check_faq(row)) for row in faqs}
    pipe = db.pipeline(transaction=True)
    if replace:
        pipe.delete(keys.products(tenant), keys.knowledge(tenant))
    if product_rows:
        pipe.hset(keys.products(tenant), mapping=product_rows)
    if faq_rows:
        pipe.hset(keys.knowledge(tenant), mapping=faq_rows)
    pipe.incr(keys.knowledge_version(tenant))
    return int(pipe.execute()[-1])


def delete(db: Redis, tenant: str, *, products: Iterable[str] = (), faqs: Iterable[str] = ()) -> int:
    """Remove rows by id and return the new version."""
    pipe = db.pipeline(transaction=True)
    for key, ids in ((keys.products(tenant), [*products]), (keys.knowledge(tenant), [*faqs])):
        if ids:
            pipe.hdel(key, *ids)
    pipe.incr(keys.knowledge_version(tenant))
    return int(pipe.execute()[-1])


def load(db: Redis, tenant: str) -> Knowledge:
    """All rows at one moment; wrong ones are left out and told in `problems`, so that they silence no shop."""
    pipe = db.pipeline(transaction=True)
    _queue_reads(pipe, tenant)
    return _knowledge(*pipe.execute())


async def load_async(db: AsyncRedis, tenant: str) -> Knowledge:
    """As `load`."""
    pipe = db.pipeline(transaction=True)
    _queue_reads(pipe, tenant)
    return _knowledge(*await pipe.execute())


def check_product(row: Product) -> Product:
    """`row` itself.

    Raises:
        KnowledgeError: names the row, the field and what is allowed.
    """
    where = f"product {row.id!r}"
    _check_id(where, row.id)
    if row.price is not None:
        _need(where, "price", _is_price(row.price), "is a number such as 48900 or 12.50")
    _need(where, "currency", bool(_CURRENCY.fullmatch(row.currency)), "is three capital letters such as COP")
    for link in (*row.images, *((row.url,) if row.url else ())):
        _need(where, "images/url", isinstance(link, str), "must be links")
        _need(where, "images/url", link.startswith(("https://", "http://", "/")), f"must be links, not {link!r}")
    for lang, text in row.variants().items():
        _check_lang(where, lang)
        _check_text(where, "name", text.name)
        _check_text(where, "description", text.description)
        _check_aliases(where, text.aliases)
    return row


def check_faq(row: FAQ) -> FAQ:
    """`row` itself.

    Raises:
        KnowledgeError: names the row, the field and what is allowed.
    """
    where = f"answer {row.id!r}"
    _check_id(where, row.id)
    _check_lang(where, row.lang)
    _check_text(where, "question", row.question)
    _check_text(where, "answer", row.answer)
    _check_aliases(where, row.aliases)
    return row


def _queue_reads(pipe: Any, tenant: str) -> None:
    pipe.get(keys.knowledge_version(tenant))
    pipe.hgetall(keys.products(tenant))
    pipe.hgetall(keys.knowledge(tenant))


def _knowledge(version: bytes | None, products: dict[bytes, bytes], faqs: dict[bytes, bytes]) -> Knowledge:
    problems: list[str] = []
    return Knowledge(
        tuple(_right(lambda name, raw: check_product(product_from(name, raw)), products, problems)),
        tuple(_right(lambda name, raw: check_faq(faq_from(name, raw)), faqs, problems)),
        int(version or 0),
        tuple(problems),
    )


def _right(read: Callable[[str, bytes], Row], rows: Mapping[bytes, bytes], problems: list[str]) -> Iterator[Row]:
    for name in sorted(rows):
        try:
            yield read(name.decode(errors="replace"), rows[name])
        except KnowledgeError as error:
            problems.append(str(error))


def _dump(row: Product | FAQ) -> bytes:
    return orjson.dumps(asdict(row))


def product_from(name: str, raw: bytes) -> Product:
    """The product that the JSON object `raw` describes.

    Raises:
        KnowledgeError: it is none.
    """
    data = _fields(name, raw)
    try:
        texts = {lang: ProductText(**_tuples(text)) for lang, text in (data.pop("texts", None) or {}).items()}
        return Product(**_tuples(data | {"id": name}), texts=texts)
    except (TypeError, AttributeError) as error:
        raise KnowledgeError(f"product {name!r}: {error}") from error


def faq_from(name: str, raw: bytes) -> FAQ:
    """The answer that the JSON object `raw` describes.

    Raises:
        KnowledgeError: it is none.
    """
    data = _fields(name, raw)
    data.pop("kind", None)
    try:
        return FAQ(**_tuples(data | {"id": name}))
    except TypeError as error:
        raise KnowledgeError(f"answer {name!r}: {error}") from error


def _fields(name: str, raw: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise KnowledgeError(f"row {name!r} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise KnowledgeError(f"row {name!r} is not an object")
    return data


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def _check_id(where: str, value: str) -> None:
    _need(where, "id", bool(_ID.fullmatch(value)), "is small letters, digits, - and _, at most 64")


def _check_lang(where: str, value: str) -> None:
    _need(where, "lang", value in LANGUAGES, f"is one of {', '.join(LANGUAGES)}")


def _check_text(where: str, name: str, value: object) -> None:
    right = isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST_TEXT
    _need(where, name, right, f"is a text of 1 to {_LONGEST_TEXT} characters")


def _check_aliases(where: str, values: tuple[str, ...]) -> None:
    right = len(values) <= _MOST_ALIASES and all(isinstance(value, str) and value.strip() for value in values)
    _need(where, "aliases", right, f"are at most {_MOST_ALIASES} texts")


def _is_price(value: object) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite() and Decimal(value) >= 0
    except InvalidOperation:
        return False


def _need(where: str, name: str, right: bool, rule: str) -> None:
    if not right:
        raise KnowledgeError(f"{where}: {name} {rule}")
