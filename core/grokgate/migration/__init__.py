"""What `grokgate migrate` brings: predecessors' data (F-MIG-12), one's own to another database.

```text
sources   which reader a source needs
folder    files of a data folder
tables    rows of SQL databases, by sqlite, postgresql or mysql; pure
redis     hashes and sets
found     what a reader returns
config    old configuration in today's keys, and where it goes

places    where the own data may lie: a SQLite file, a PostgreSQL database
moving    from one of them to the other, and the comparison of both
```

Nothing is written to a source. What was read goes to `grokgate.adoption` as the text of files. The
drivers of database servers are extras, imported when they are needed.
"""

from grokgate.migration.config import Advice, settle_config
from grokgate.migration.found import Found, OldConfig
from grokgate.migration.sources import read_source

__all__ = ["Advice", "Found", "OldConfig", "read_source", "settle_config"]
