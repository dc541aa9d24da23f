"""`docs/redis.md`, made from the docstrings of the two modules that name keys.

`python -m common.dev.redis_docs` writes it; with `--check` it only tells whether it is current (exit code 1: no).
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path("docs/redis.md")
SOURCES = (
    ("Relevo's keys", Path("common/store/keys.py")),
    ("The queue's keys", Path("common/queueing/keys.py")),
)
INTRO = """# Redis keys

Made by `make docs` from the docstrings of `common/store/keys.py` and `common/queueing/keys.py`; do not edit.
`<name>` is a part that varies; braces around `<tenant>` are part of the key and keep a tenant's keys together.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One kind of key: how it is written, which function or constant builds it, and what its docstring says."""

    pattern: str
    built_by: str
    text: str


def page(root: Path = Path()) -> str:
    """The whole document."""
    parts = [INTRO]
    for title, path in SOURCES:
        module = ast.parse((root / path).read_text(encoding="utf-8"))
        about = (ast.get_docstring(module) or "").partition("\n\n")[2]
        parts.append(f"## {title}\n\n{_flow(about)}\n")
        parts += map(_section, keys(path, root))
    return "\n".join(parts)


def keys(path: Path, root: Path = Path()) -> Iterator[Key]:
    """The keys that a module names, in its order.

    Raises:
        ValueError: one has no docstring, or its name cannot be read from the code.
    """
    source = (root / path).read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = ", ".join(argument.arg for argument in node.args.args)
            yield _key(_returned(node), f"{node.name}({arguments})", ast.get_docstring(node), path)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            name = node.targets[0]
            if isinstance(name, ast.Name):
                yield _key(_pattern(node.value), name.id, _comment_above(lines, node.lineno), path)


def _section(key: Key) -> str:
    return f"### `{key.pattern}`\n\n{_flow(key.text)}\n\nBuilt by `{key.built_by}`.\n"


def _key(pattern: str | None, built_by: str, text: str | None, path: Path) -> Key:
    if not pattern or not text:
        raise ValueError(f"{path}: {built_by} has no {'docstring' if pattern else 'readable key'}")
    return Key(pattern, built_by, inspect.cleandoc(text))


def _returned(node: ast.FunctionDef) -> str | None:
    returns = [step.value for step in ast.walk(node) if isinstance(step, ast.Return)]
    return _pattern(returns[-1]) if returns else None


def _pattern(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else f"<{_name(p)}>" for p in value.values)
    return None


def _name(part: ast.expr) -> str:
    return ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else "..."


def _comment_above(lines: Sequence[str], number: int) -> str | None:
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.startswith("#:"):
            break
        found.insert(0, line.removeprefix("#:").strip())
    return "\n".join(found) or None


def _flow(text: str) -> str:
    """Paragraphs as one line each; a line that begins like `In: ` begins a new one."""
    joined = re.sub(r"\n(?!\n|[A-Z][A-Za-z' ]{0,20}:)(?<!\n\n)", " ", text.strip())
    return re.sub(r"\n+(?=[A-Z][A-Za-z' ]{0,20}:)", "\n\n", joined)


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check; the exit code."""
    check = "--check" in (sys.argv[1:] if argv is None else argv)
    fresh = page()
    if check and (not PAGE.exists() or PAGE.read_text(encoding="utf-8") != fresh):
        print(f"{PAGE} is not current: run make docs")
        return 1
    if not check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
