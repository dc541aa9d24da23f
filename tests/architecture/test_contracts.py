"""The rules of the house, checked by machine."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.dev import redis_docs
from common.queueing import queues
from common.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "webhook_app", "workers", "console")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

#: Who may read the environment: the settings, and `make up`, which makes one for others.
READS_ENVIRONMENT = {"common/settings.py", "common/dev/environment.py", "common/dev/up.py", "common/dev/terminal.py"}
#: Words that say nothing; what is behind them has a better name.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common_utils", "services_utils"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def trees(skip: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        if not name(path).startswith(skip or ("-",)):
            yield name(path), ast.parse(path.read_text(encoding="utf-8"))


def test_imports_go_down() -> None:
    """Processes know common and never each other; inside common the layers hold; the simulator stays outside."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_only_settings_read_the_environment() -> None:
    """Everything else gets its values passed in, so that tests and two installations on one machine are possible."""
    environment = {"environ", "environb", "getenv", "getenvb", "putenv"}
    found = {
        module
        for module, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in environment)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and environment & {a.name for a in node.names})
    }

    # psutil's `environ()` of other processes is no reading of ours
    assert found - {"common/dev/leftovers.py"} <= READS_ENVIRONMENT


def test_nothing_unpickles_or_evaluates() -> None:
    """What a customer, a model or a Redis writer sends is never executed."""
    found = [
        f"{module}:{node.lineno}"
        for module, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import | ast.ImportFrom) and _imports(node, {"pickle", "marshal", "shelve", "dill"}))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"})
    ]

    assert found == []


def _imports(node: ast.Import | ast.ImportFrom, names: set[str]) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in names
    return any(alias.name.partition(".")[0] in names for alias in node.names)


JOB_PATHS = [path for name, path in vars(queues).items() if name.isupper() and isinstance(path, str) and "." in path]


@pytest.mark.parametrize("path", JOB_PATHS)
def test_job_paths_lead_to_functions(path: str) -> None:
    """The web process names jobs by path and never imports them: here the paths are followed."""
    module, _, function = path.rpartition(".")

    assert callable(getattr(importlib.import_module(module), function))


def test_the_redis_page_is_current() -> None:
    """docs/redis.md says what the key modules say; every key has a docstring with its type."""
    assert redis_docs.page(ROOT) == (ROOT / redis_docs.PAGE).read_text(encoding="utf-8"), "run make docs"


@pytest.mark.parametrize("path", [path for _, path in redis_docs.SOURCES], ids=str)
def test_every_key_says_its_type(path: Path) -> None:
    """Type first, so that a reader of Redis knows which command shows it."""
    untyped = [key.built_by for key in redis_docs.keys(path, ROOT) if not key.text.startswith(TYPES)]

    assert untyped == []


TYPES = ("HASH", "LIST", "SET", "ZSET", "STREAM", "STRING", "PUBSUB")


def test_key_names_are_built_in_one_place() -> None:
    """A key typed anywhere else would be missed by whoever changes the schema; taking a prefix off is no building."""
    found = [
        f"{module}:{node.lineno}"
        for module, tree in trees(skip=("common/store/keys.py", "common/queueing/keys.py"))
        for node in _walk_without_removeprefix(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"(rv|rq):[a-z{]", node.value)
    ]

    assert found == []


def _walk_without_removeprefix(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "removeprefix":
        yield from _walk_without_removeprefix(node.func)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk_without_removeprefix(child)


def _documented(text: str) -> set[str]:
    return set(re.findall(r"`([A-Z][A-Z0-9_]+)`", text))


#: A family of settings, one per queue; documents show one of them.
FAMILIES = {"QUEUE_LIMITS": "QUEUE_LIMIT_WHATSAPP_AI"}


def _settings() -> set[str]:
    names = {field.upper() for field in Settings.model_fields}
    return {FAMILIES.get(name, name) for name in names}


def test_every_setting_is_in_the_readme() -> None:
    """The table of settings is complete and names none that does not exist."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Settings\n")[2].partition("\n## ")[0]
    first_cells = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))

    assert _settings() == _documented(first_cells)


def test_every_setting_is_in_the_example_file_with_its_default() -> None:
    """.env.example names every setting once; what stands behind a `#` is what holds without it."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))

    assert _settings() == set(shown)
    assert [] == [
        f"{setting}={shown[setting]}, but the default is {default}"
        for setting, default in ((n.upper(), f.default) for n, f in Settings.model_fields.items())
        if setting not in {"REDIS_URL", *FAMILIES} and shown[setting] != _as_text(default)
    ]


def _as_text(default: object) -> str:
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case tuple():
            return ",".join(map(str, default))
    return str(default)


def test_lua_scripts_say_what_they_take_and_return() -> None:
    """Each file begins with a comment: what it does, ARGV, and what comes back."""
    scripts = [path for package in PACKAGES for path in (ROOT / package).rglob("*.lua")]
    bare = [name(path) for path in scripts if not path.read_text(encoding="utf-8").startswith("--")]

    assert scripts
    assert bare == []


def test_modules_stay_small() -> None:
    """At most 300 lines: a longer one holds two things."""
    sizes = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert {} == {module: lines for module, lines in sizes.items() if lines > 300}


def test_functions_stay_small() -> None:
    """At most 50 lines with signature and docstring: a longer one does two things."""
    long = {
        f"{module}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    }

    assert long == {}


def test_no_module_is_called_nothing() -> None:
    """A helper lives in the module whose noun it serves."""
    assert [] == [name(path) for path in MODULES if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES]


def test_the_procfile_names_modules_that_exist() -> None:
    """A deployment starts what the Procfile says."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    modules = [line.rpartition("python -m ")[2].split()[0] for line in lines]

    assert ["release", "web", "worker", "scheduler", "console", "forking"] == [line.partition(":")[0] for line in lines]
    for module in modules:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_what_is_installed_is_pinned() -> None:
    """A clone made later installs what was tested: every dependency has its version in constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    known = {_canonical(pin) for pin in pinned}

    assert [] == [need for need in wanted if _canonical(re.split(r"[\[<>=~ ]", need)[0]) not in known]


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
