"""The position of a call in a batch: which steps come next, and where their tokens are. In: a
`Call`, a `Schedule`. Out: `Now`; next: `words`, which reads numbers and distances off it.
"""

from __future__ import annotations

from collections.abc import Mapping

from unrolled.engines.cpu.call.call import Buffer, Call, CopyLast, CopyPanels, Per
from unrolled.engines.plan.schedule import RaggedSchedule, Schedule

# What a chunk's hoisted products, or left sides, may take: the second-level caches of two cores.
CHUNK_BYTES = 2 << 20
# But a product over few tokens would spend its time on reading and writing the gradient it adds to.
LEAST_TOKENS = 2048


class Now:
    """What is known where a launch begins: the batch, and the chunk's steps."""

    def __init__(
        self, call: Call, schedule: Schedule, positions: Mapping[Buffer, int], bytes: int
    ) -> None:
        self.call, self.schedule, self.bytes = call, schedule, bytes
        self.positions = positions  # a buffer's address, among those that a call brings
        self.chunks = [(0, schedule.steps)] if schedule.steps else []
        if call.columns is not None:
            most = max(LEAST_TOKENS, CHUNK_BYTES // (bytes * max(1, call.columns)))
            self.chunks = schedule.chunks(most)
        spans = (schedule.span(*chunk) for chunk in self.chunks)
        self.most = max((span.stop - span.start for span in spans), default=0)
        self.jobs = 0  # of the launch
        self.is_team = False
        self.begin(0, 0)

    def begin(self, first: int, last: int) -> None:
        """From here on, the steps first ... last - 1."""
        self.first, self.last = first, last
        span = self.schedule.span(first, last)
        self.start, self.count = span.start, span.stop - span.start

    def rows_per(self, per: Per) -> int:
        """How many tokens, rows or jobs there are."""
        schedule = self.schedule
        if per is Per.ONCE:
            return 1
        if per is Per.CHUNK:
            return self.most
        if per is Per.TOKEN:
            return schedule.tokens
        return schedule.rows if per is Per.ROW else schedule.jobs

    def whole(self, buffer: Buffer) -> tuple[int, int]:
        """Where the first token, row or job would lie; a chunk's buffer holds its tokens alone."""
        position = self.positions[buffer]
        if buffer.per is not Per.CHUNK:
            return position, 0
        return position, -self.start * buffer.step * self.bytes

    def chunk(self, buffer: Buffer) -> tuple[int, int]:
        """Where the chunk's first token lies."""
        position = self.positions[buffer]
        if buffer.per is not Per.TOKEN:
            return position, 0
        return position, self.start * buffer.step * self.bytes

    def last_rows(self, step: CopyLast) -> tuple[int, int, int, int]:
        """Where each row's last state lies: an address and a distance, the width of a row, and the
        address of an index, if there is one."""
        schedule, at = self.schedule, self.positions
        if not schedule.steps:
            return at[step.start], 0, step.start.width, 0
        if isinstance(schedule, RaggedSchedule):
            return at[step.state], 0, step.state.width, schedule.last_tokens.ctypes.data
        start = schedule.span(schedule.steps - 1, schedule.steps).start
        return at[step.state], start * step.state.step * self.bytes, step.state.width, 0

    def part(self, step: CopyPanels, *, is_first: bool) -> tuple[int, int, int, int, int]:
        """Some of a chunk's tokens, and where what belongs to them lies: the first of them in the
        chunk, how many they are, an address, a distance, and the address of an index. The states
        before the first step of all are the starts, by row; the others are one step earlier."""
        schedule, at = self.schedule, self.positions
        source, size = step.source, self.bytes
        begin, end = self.first, self.last
        if step.start is not None:
            begin, end = (0, min(1, end)) if is_first else (max(begin, 1), end)
            if begin < self.first or begin >= end:
                return 0, 0, 0, 0, 0
        span = schedule.span(begin, end)
        here, count = span.start - self.start, span.stop - span.start
        if step.start is None:
            distance, index = span.start * source.buffer.step, 0
        elif is_first:
            index = schedule.first_rows.ctypes.data if isinstance(schedule, RaggedSchedule) else 0
            return here, count, at[step.start], 0, index
        elif isinstance(schedule, RaggedSchedule):
            distance, index = 0, int(schedule.previous.ctypes.data) + 8 * span.start
        else:
            distance, index = schedule.span(begin - 1, end - 1).start * source.buffer.step, 0
        return here, count, at[source.buffer], (source.column + distance) * size, index
