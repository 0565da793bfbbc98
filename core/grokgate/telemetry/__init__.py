"""What the process tells about itself: log lines, metrics, and the redactor both pass through."""

from grokgate.telemetry.logs import Logs, open_logs
from grokgate.telemetry.metrics import Metrics
from grokgate.telemetry.redact import redact, redact_text

__all__ = ["Logs", "Metrics", "open_logs", "redact", "redact_text"]
