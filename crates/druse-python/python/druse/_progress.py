"""Telling how far a piece of work is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Union

#: ``True`` for a bar on standard error, or a function that is called with what is done and how much there is.
Progress = Union[bool, Callable[[float, float], object], None]


def of(progress: Progress, work: str) -> Callable[[float, float], object] | None:
    """The function behind an argument ``progress``."""
    if not progress:
        return None
    return _Bar(work) if progress is True else progress


class _Bar:
    """A line that is written again and again; where there is no terminal, a line every ten seconds."""

    WIDTH = 40

    def __init__(self, work: str) -> None:
        self.work = work
        self.started = time.monotonic()
        self.next = 0.0

    def __call__(self, done: float, total: float) -> None:
        is_end = done >= total
        seconds = time.monotonic() - self.started
        is_terminal = sys.stderr.isatty()
        if not is_end and seconds < self.next:
            return
        self.next = seconds + (0.1 if is_terminal else 10.0)
        filled = round(self.WIDTH * min(done / total, 1.0)) if total else 0
        bar = "=" * filled + " " * (self.WIDTH - filled)
        start, end = ("\r", "\n" if is_end else "") if is_terminal else ("", "\n")
        sys.stderr.write(f"{start}{self.work} [{bar}] {done:.0f}/{total:.0f} {seconds:.0f} s{end}")
        sys.stderr.flush()
