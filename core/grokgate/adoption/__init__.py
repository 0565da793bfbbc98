"""Takes over what predecessors kept (F-MIG-07, F-MIG-08, F-MIG-12); their files never change.

```text
adoption  the files in the data folder, at each start; token.json is followed
takeover  what `grokgate migrate` read elsewhere, when it is asked for
intake    both: accounts, keys, statistics, today's counts into the stores
record    what was read, so that nothing is taken twice; report says what became of it
```
"""

from grokgate.adoption.adoption import Adoption
from grokgate.adoption.intake import Intake
from grokgate.adoption.record import Record
from grokgate.adoption.report import AdoptionReport, FileReport
from grokgate.adoption.takeover import OldFile, Takeover

__all__ = [
    "Adoption",
    "AdoptionReport",
    "FileReport",
    "Intake",
    "OldFile",
    "Record",
    "Takeover",
]
