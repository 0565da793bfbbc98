"""Finds out what keeps the gateway from working, and what the operator can do about it.

```text
program · folder · shared · upstream · patients ──> Finding ──> Words ──> sentence, remedy
                                        └ cause: Observation → code
```

Findings are codes with values; all sentences are data (`words.toml`), in both languages.
"""

from grokgate.doctor.cause import code_of
from grokgate.doctor.examiner import Examiner
from grokgate.doctor.finding import Finding, Level
from grokgate.doctor.folder import Folder, look_at_folder
from grokgate.doctor.patients import Patients
from grokgate.doctor.program import Program, look_at_program, wal_reset_bug
from grokgate.doctor.shared import look_at_redis
from grokgate.doctor.words import Language, Words

__all__ = [
    "Examiner",
    "Finding",
    "Folder",
    "Language",
    "Level",
    "Patients",
    "Program",
    "Words",
    "code_of",
    "look_at_folder",
    "look_at_program",
    "look_at_redis",
    "wal_reset_bug",
]
