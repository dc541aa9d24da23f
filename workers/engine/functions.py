"""Job functions by dotted path, from an allow-list: whoever can write to Redis must not choose what we call."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from workers.engine.failure import JobNotAllowed
from workers.engine.run import Run, packed

JobFunction = Callable[..., Awaitable[Any]]


class Functions:
    """Looks job functions up, once each.

    Args:
        allow: prefixes of dotted paths; `workers.jobs.` allows `workers.jobs.answer`.
        plain: functions that are no `async def` are found, too.
    """

    def __init__(self, allow: Sequence[str], *, plain: bool = False) -> None:
        self._allow, self._plain = tuple(allow), plain
        self._known: dict[str, JobFunction] = {}

    def find(self, path: str) -> JobFunction:
        """The function of `path`.

        Raises:
            JobNotAllowed: outside the allow-list, missing, private, no function, or plain where that is not allowed.
        """
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._load(path)
        return found

    async def call(self, run: Run) -> bytes:
        """Call the function of a job; its result as the job's hash keeps it.

        Raises:
            JobNotAllowed: as `find`. Else whatever the function raises.
        """
        work = run.work
        return packed(await self.find(work.func)(*work.args, **work.kwargs), run.context.id)

    def _load(self, path: str) -> JobFunction:
        module, _, name = path.rpartition(".")
        if not path.startswith(self._allow) or name.startswith("_"):
            raise JobNotAllowed("its function is not on this worker's list")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise JobNotAllowed(f"there is no {path}") from error
        if self._plain and inspect.isfunction(function):
            return function
        if not inspect.iscoroutinefunction(function):
            raise JobNotAllowed(f"{path} is not an async def")
        return function  # type: ignore[no-any-return]
