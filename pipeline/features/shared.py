"""What several recipes make alike of the same rows is made once: by content, in whatever memory there is.

Families want a text in different forms, and all of them begin with the same counts. While a fold is prepared the memory is the run's
workspace, so that processes share; while rows are scored it is a dictionary that lasts as long as the call.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any, Protocol


class Memory(Protocol):
    """What pipeline.workspace.Workspace can."""

    def lock(self, name: str) -> contextlib.AbstractContextManager: ...

    def has(self, name: str) -> bool: ...

    def put(self, name: str, value: Any) -> None: ...

    def get(self, name: str) -> Any: ...


class Brief(dict[str, Any]):
    """A memory of one process."""

    lock, has, put, get = (lambda self, name: contextlib.nullcontext()), dict.__contains__, dict.__setitem__, dict.get


MEMORY: ContextVar[Memory | None] = ContextVar("memory", default=None)


@contextlib.contextmanager
def sharing(memory: Memory) -> Iterator[None]:
    """Within it, what is made alike is made once."""
    before = MEMORY.set(memory)
    try:
        yield
    finally:
        MEMORY.reset(before)


def key_of(*said: str | Collection[str]) -> str:
    """A key of texts for the memory that there is; none without one."""
    memory = MEMORY.get()
    if isinstance(memory, Brief):
        return str(hash(tuple(one if isinstance(one, str) else tuple(one) for one in said)))
    return "" if memory is None else digest(*said)


def shared(key: str, make: Callable[[], Any]) -> Any:
    """What `make` makes, or made before under this key; without a key it is made here. Nobody may change it."""
    memory = MEMORY.get()
    if memory is None or not key:
        return make()
    name = f"shared-{key}"
    with memory.lock(name):
        made = memory.get(name) if memory.has(name) else None
        if made is None:
            made = make()
            memory.put(name, made)
    return made


def briefly(what: str, texts: Collection[str], make: Callable[[], Any]) -> Any:
    """What is made of texts whatever a recipe has learned; too quick to be worth a file."""
    return shared(key_of(what, texts), make) if isinstance(MEMORY.get(), Brief) else make()


def digest(*said: Any) -> str:
    """A key of what is said: arrays of numbers, a text, or many texts."""
    found = hashlib.blake2b(digest_size=16)
    for one in said:
        if hasattr(one, "tobytes"):
            found.update(f"{one.dtype} {one.shape}".encode() + one.tobytes())
        else:
            texts = [one] if isinstance(one, str) else list(one)
            found.update(f"{[len(text) for text in texts]}{''.join(texts)}".encode("utf-8", "surrogatepass"))
    return found.hexdigest()
