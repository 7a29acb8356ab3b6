"""Sends events in batches in the background, and loses none when the process ends in an orderly way."""

from __future__ import annotations

import atexit
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self, TypedDict, Unpack

from ._transport import delay
from .contracts import Event, RouterService
from .errors import WatchbellError
from .events import EventOptions, EventType, event_message

_log = logging.getLogger("watchbell")

_BATCH = 500
# A batch may have 4 MiB.
_BATCH_BYTES = 3 * 1024 * 1024


class EmitterOptions(TypedDict, total=False):
    """Options of an `Emitter`."""

    linger: float
    """Seconds that a batch waits for more events; 0.05 unless given."""
    capacity: int
    """Events that may wait; `emit` blocks while there are more. 10,000 unless given."""
    on_refused: Callable[[Event, WatchbellError], None]
    """Gets each event that the server refuses for good, or that is left when time is up; logs it unless given."""
    exit_timeout: float
    """Seconds that the end of the process waits for what is left; 30 unless given."""


class Emitter:
    """Queue of events with one sending thread. `with bell.emitter() as emitter:` ends when everything has been accepted.

    Batches are repeated until the server has answered for each event: an outage delays events and loses none. They are sent in
    the order in which they were given.
    """

    def __init__(self, router: RouterService, team: str, **options: Unpack[EmitterOptions]) -> None:
        self._router, self._team = router, team
        self._linger = options.get("linger", 0.05)
        self._capacity = options.get("capacity", 10_000)
        self._refused = options.get("on_refused", _log_refused)
        self._exit_timeout = options.get("exit_timeout", 30.0)
        self._waiting: deque[tuple[Event, int]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchbell-emitter", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    def emit(self, event: EventType, **options: Unpack[EventOptions]) -> str:
        """Queues an event; its id. Blocks while the queue is full."""
        message = event_message(event, **options)
        size = len(json.dumps(message, allow_nan=False))
        with self._changed:
            self._changed.wait_for(lambda: self._closing or len(self._waiting) < self._capacity)
            if self._closing:
                raise RuntimeError("the emitter is closed")
            self._waiting.append((message, size))
            self._changed.notify_all()
        return message["id"]

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until every event so far has been answered; false when that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Takes no more events and waits until all have been answered. After `timeout` seconds what is left goes to `on_refused`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        atexit.unregister(self._at_exit)
        if not self._thread.is_alive():
            return
        self._stop.set()
        with self._changed:
            left = [event for event, _ in self._waiting]
        for event in left:
            self._refused(event, WatchbellError("deadline_exceeded", "the emitter was closed before the server had answered"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at_exit(self) -> None:
        self.close(self._exit_timeout)

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            again, asked = self._send(batch)
            failures = failures + 1 if again else 0
            if again and self._stop.wait(delay(failures, asked)):
                return

    def _send(self, batch: list[Event]) -> tuple[bool, float]:
        """Whether some of it has to be sent again, and after how many seconds the server wants that."""
        try:
            results = self._router.emit_batch({"team_id": self._team, "events": batch})["results"]
        except WatchbellError as error:
            if error.is_transient:
                return True, error.retry_after or 0
            self._settle(len(batch), [(event, error) for event in batch], [])
            return False, 0
        errors = [
            (event, WatchbellError.from_status(result["refused"]))
            for event, result in zip(batch, results, strict=True)
            if "refused" in result
        ]
        refused = [(event, error) for event, error in errors if not error.is_transient]
        again = [(event, error) for event, error in errors if error.is_transient]
        self._settle(len(batch), refused, [event for event, _ in again])
        return bool(again), max((error.retry_after or 0 for _, error in again), default=0)

    def _next_batch(self) -> list[Event]:
        """The next events, which stay in the queue until they are answered; none when the emitter is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            full = time.monotonic() + self._linger
            self._changed.wait_for(lambda: len(self._waiting) >= _BATCH or self._closing, full - time.monotonic())
            batch: list[Event] = []
            size = 0
            for event, weight in self._waiting:
                if batch and (len(batch) == _BATCH or size + weight > _BATCH_BYTES):
                    break
                batch.append(event)
                size += weight
            return batch

    def _settle(self, count: int, refused: list[tuple[Event, WatchbellError]], again: list[Event]) -> None:
        """Removes what has been answered from the queue; what is to be sent again goes first."""
        with self._changed:
            answered = [self._waiting.popleft() for _ in range(count)]
            ids = {event["id"] for event in again}
            self._waiting.extendleft(entry for entry in reversed(answered) if entry[0]["id"] in ids)
            self._changed.notify_all()
        for event, error in refused:
            self._refused(event, error)


def _log_refused(event: Event, error: WatchbellError) -> None:
    _log.error("event %s of type %s was refused: %s", event.get("id"), event.get("type"), error)
