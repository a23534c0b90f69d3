"""What is kept from one call for the next ones, for how long, and why.

Crossplane calls the function twice in each reconcile of each router, for ever, and nearly always
nothing has changed. So these are kept:

- The answer to a request, by the digest of the whole request: the same request gets the same answer
  without being read. An answer with something random in it is not kept, nor is a refusal, nor what
  a defect leads to; one that depends on the time is kept for as long as it holds.
- The plan of a router, with the digest of all that it is made from: while only the cluster changes,
  neither is the spec read again nor the configuration written. The plan keeps its manifests.
- The entries of that plan's `aiModels`, by their bytes, with what was made of each: if the spec
  changes, only those that are new are read, checked and written.

Digests are those of serialized bytes, never of Python values, among which `1 == True == 1.0`. What
was used longest ago goes first. One budget in bytes bounds all of it; a third of it is for answers,
so that the plans, which are larger and needed less often, do not displace them.

Kept answers and manifests may hold a generated master key: nothing of them is ever shown.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from cachetools import LRUCache

from function.api.bounds import Known
from function.call import Request
from function.gateways.base import Plan

DEFAULT_BYTES: Final = 9 * 1024 * 1024
"""How much is kept by default: the answers of 270 routers of ten models, or the plan of one router
of a thousand."""

# What Python takes, as `tracemalloc` counts it; a test compares.
_ANSWER_BYTES: Final = 500
_PLAN_BYTES: Final = 82_000
_ENTRY_BYTES: Final = 4_300
_BYTES_PER_BYTE: Final = 9
"""How many bytes a byte of the request becomes, most of them in small objects."""

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")


class Kept:
    """What is kept. Threads may share it."""

    def __init__(self, most: int = 0, shared_texts: Sequence[str] = ()) -> None:
        """Keeps nothing yet.

        Args:
            most: how many bytes all that is kept may take.
            shared_texts: texts that stand in many answers, of which one copy is enough.
        """
        self._answers = LRUCache[bytes, _Answer](most // 3, getsizeof=_size_of_answer)
        self._plans = LRUCache[tuple[str, ...], _Planned](most * 2 // 3, getsizeof=_size_of_plan)
        self._texts = tuple(text.encode() for text in shared_texts)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """How many bytes all that is kept takes."""
        return int(self._answers.currsize + self._plans.currsize)

    @property
    def routers(self) -> int:
        """Of how many routers plans are kept."""
        return len(self._plans)

    def answer(self, digest: bytes, now: float = 0.0) -> bytes | None:
        """The answer to a request with this digest, if it is kept and still holds at a time."""
        with self._lock:
            answer = self._answers.get(digest)
        if answer is None or (answer.until is not None and answer.until <= now):
            return None
        return answer.whole

    def keep_answer(self, digest: bytes, answer: bytes, until: float | None = None) -> None:
        """Keeps the answer to a request with this digest, which may hold only until a time."""
        parts = [answer]
        for text in self._texts:
            parts = [piece for part in parts for piece in _around(text, part)]
        own = sum(len(part) for part in parts if not any(part is text for text in self._texts))
        with self._lock:
            _put(self._answers, digest, _Answer(tuple(parts), own, until))

    def plan(self, request: Request) -> Plan | None:
        """The plan of a request's router, if it is kept and what it was made from is the same."""
        with self._lock:
            kept = self._plans.get(request.router)
        return kept.plan if kept is not None and kept.source == request.source else None

    def known(self, router: tuple[str, ...]) -> Mapping[bytes, Known]:
        """The entries of a router's `aiModels`, by their bytes, as far as they are kept."""
        with self._lock:
            kept = self._plans.get(router)
        return {} if kept is None else kept.entries

    def keep_plan(self, request: Request, plan: Plan) -> None:
        """Keeps the plan of a request's router, in place of the one before."""
        if request.source is None:
            return
        models, sizes = plan.router.spec.ai_models, plan.router.sizes
        entries = dict(zip(request.entries(), map(Known, models, sizes), strict=True))
        planned = _Planned(request.source, plan, entries, request.size)
        with self._lock:
            _put(self._plans, request.router, planned)


@dataclass(frozen=True, repr=False)
class _Answer:
    """An answer in parts, of which the texts that many share are one copy for all."""

    parts: tuple[bytes, ...]
    own: int
    """How many bytes of it no other answer shares."""
    until: float | None = None
    """From when on it no longer holds."""

    @property
    def whole(self) -> bytes:
        return b"".join(self.parts)


@dataclass(frozen=True, repr=False)
class _Planned:
    """A plan, a digest of what it was made from, its entries, and how many bytes all that had."""

    source: bytes
    plan: Plan
    entries: Mapping[bytes, Known]
    size: int


def _size_of_answer(answer: _Answer) -> int:
    return _ANSWER_BYTES + answer.own


def _around(text: bytes, part: bytes) -> Iterator[bytes]:
    """A part of an answer, cut around a text, for which the text's own object stands."""
    if text not in part or part is text:
        yield part
        return
    first, *rest = part.split(text)
    yield first
    for piece in rest:
        yield text
        yield piece


def _size_of_plan(planned: _Planned) -> int:
    return _PLAN_BYTES + _ENTRY_BYTES * len(planned.entries) + _BYTES_PER_BYTE * planned.size


def _put(cache: LRUCache[KeyT, ItemT], key: KeyT, item: ItemT) -> None:
    """Puts an item into a cache, unless it is larger than all of it."""
    if cache.getsizeof(item) <= cache.maxsize:
        cache[key] = item
