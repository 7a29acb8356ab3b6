"""Client of Watchbell: emit events, call every public RPC, verify webhooks.

    from watchbell import Watchbell
    from watchbell.catalog import FindingCreated

    bell = Watchbell("http://127.0.0.1:7700", key)
    bell.emit(FindingCreated(finding_id="fnd-1"), severity="CRITICAL", title="Public bucket")
"""

from ._stream import StreamedEvent
from .client import Watchbell
from .emitter import Emitter
from .errors import FieldViolation, WatchbellError
from .events import Custom, EventType
from .webhooks import InvalidSignature, WebhookBody, verify

__all__ = [
    "Custom",
    "Emitter",
    "EventType",
    "FieldViolation",
    "InvalidSignature",
    "StreamedEvent",
    "Watchbell",
    "WatchbellError",
    "WebhookBody",
    "verify",
]
