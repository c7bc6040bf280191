"""Group commit: one thread writes what all waiting requests bring, with one fsync a source for all of them."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from pipelines.collect.server.metrics import Metrics
from pipelines.collect.server.open_landing import CollectorFolder
from pipelines.collect.server.segment_file import SegmentFile
from pipelines.collect.server.tokens import UsedTokens

_LOG = logging.getLogger("rapport.collector")
_TICK = 0.2  # seconds between looks at what is due
_GROUP_BYTES = 16 * 1024 * 1024

Target = tuple[str, str]


class TokenUsedError(Exception):
    """A request whose token has been used before; nothing of it was written."""


@dataclass(frozen=True)
class Sealing:
    """When a segment is sealed: after `seconds` from its first line, or at `size_bytes`."""

    seconds: float
    size_bytes: int


@dataclass(frozen=True)
class Lines:
    """Whole lines of one request for (connector, source); `done` gets its result once they are durable."""

    target: Target
    data: bytes
    token: str | None = None
    done: "Future[None]" = field(default_factory=Future)


@dataclass(frozen=True)
class _Open:
    file: SegmentFile
    since: float


class Writer:
    """Writes lines to the segments of one collector, from `start` to `close`."""

    def __init__(
        self,
        folder: CollectorFolder,
        sealing: Sealing,
        tokens: UsedTokens,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._sealing, self._tokens, self._metrics = folder, sealing, tokens, metrics
        self._clock = clock
        self._queue: SimpleQueue[Lines | None] = SimpleQueue()
        self._segments: dict[Target, _Open] = {}
        self._has_ended = False
        self._is_failing = False
        self._thread = Thread(target=self._work, name="segments", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether lines are still written."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def submit(self, lines: Lines) -> "Future[None]":
        """Hand lines over. The future raises OSError if they are not on the disk, TokenUsedError for a used token."""
        self._queue.put(lines)
        if self._has_ended:  # nobody takes it from the queue any more
            self._fail_queued()
        return lines.done

    def close(self) -> None:
        """Write what waits, seal all segments, end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            is_open = True
            while is_open:
                group, is_open = self._next_group()
                self._commit(group)
                self._seal_due(everything=not is_open)
        finally:
            self._tokens.close()
            self._folder.close()
            self._has_ended = True
            self._fail_queued()

    def _next_group(self) -> tuple[list[Lines], bool]:
        """What waits now, at least one or after a while none; and whether more may come."""
        group: list[Lines] = []
        for lines in self._waiting():
            if lines is None:
                return group, False
            group.append(lines)
        return group, True

    def _waiting(self) -> Iterator[Lines | None]:
        size = 0
        try:
            lines = self._queue.get(timeout=_TICK)
            yield lines
            while lines is not None and (size := size + len(lines.data)) < _GROUP_BYTES:
                lines = self._queue.get_nowait()
                yield lines
        except Empty:
            return

    def _commit(self, group: Sequence[Lines]) -> None:
        by_target: dict[Target, list[Lines]] = defaultdict(list)
        for lines in group:
            if lines.done.set_running_or_notify_cancel():
                by_target[lines.target].append(lines)
        for target, several in by_target.items():
            try:
                fresh = self._store(target, several)
            except OSError as problem:
                self._note_failure(problem)
                for lines in several:
                    lines.done.set_exception(problem)
                continue
            self._is_failing = False
            for lines, is_fresh in zip(several, fresh, strict=True):
                if is_fresh:
                    lines.done.set_result(None)
                else:
                    lines.done.set_exception(TokenUsedError())

    def _note_failure(self, problem: OSError) -> None:
        """Count it, and log the first of several: on a full disk each request would add a line to the log."""
        self._metrics.failed_groups.inc()
        if not self._is_failing:
            _LOG.error("the disk does not take events: %s", problem.strerror or problem)
        self._is_failing = True

    def _store(self, target: Target, several: Sequence[Lines]) -> list[bool]:
        """Write lines and the tokens that they use up; gives which were fresh."""
        tokens = [lines.token for lines in several if lines.token is not None]
        if not tokens:
            self._append(target, several)
            return [True] * len(several)
        # The events come first: a token that is lost with the power lets them come again, and copies are known as such.
        with self._tokens.claiming(tokens) as claimed:
            answers = iter(claimed)
            fresh = [lines.token is None or next(answers) for lines in several]
            self._append(target, [lines for lines, is_fresh in zip(several, fresh, strict=True) if is_fresh])
        return fresh

    def _append(self, target: Target, several: Sequence[Lines]) -> None:
        if not several:
            return
        begun = self._clock()
        segment = self._segments.get(target)
        if segment is None:
            segment = _Open(SegmentFile(self._folder.new_segment(*target)), begun)
            self._segments[target] = segment
        segment.file.append([lines.data for lines in several])
        self._metrics.fsync_seconds.observe(self._clock() - begun)
        self._metrics.group_requests.observe(len(several))
        self._metrics.landed_bytes.labels(*target).inc(sum(len(lines.data) for lines in several))

    def _seal_due(self, *, everything: bool) -> None:
        is_requested = self._folder.is_seal_requested()
        for target, segment in list(self._segments.items()):
            if everything or is_requested or self._is_due(segment):
                self._seal(target)
        if is_requested and not self._segments:
            self._folder.answer_seal()

    def _is_due(self, segment: _Open) -> bool:
        is_old = self._clock() - segment.since >= self._sealing.seconds
        return is_old or segment.file.is_broken or segment.file.size >= self._sealing.size_bytes

    def _seal(self, target: Target) -> None:
        """Seal one; one that the disk does not let seal now stays, and no more lines are added if it is broken."""
        try:
            self._segments[target].file.seal()
        except OSError:
            self._metrics.failed_seals.inc()
            return
        del self._segments[target]
        self._metrics.sealed_segments.labels(*target).inc()

    def _fail_queued(self) -> None:
        while True:
            try:
                lines = self._queue.get_nowait()
            except Empty:
                return
            if lines is not None and lines.done.set_running_or_notify_cancel():
                lines.done.set_exception(OSError("the collector is ending"))
