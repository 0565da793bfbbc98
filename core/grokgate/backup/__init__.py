"""One archive of what a data folder holds, and a data folder made from one (F-STO-09).

```text
backup.tar.gz   manifest.json    what made it, when, and the digest of every other part
                grokgate.db      accounts, keys, statistics …: sealed as at rest; no logins;
                                 a SQLite file, also of what lies in PostgreSQL
                config.toml      if there is one; sealed with the installation's key
                secret.key       sealed with the passphrase; without one it is not in the archive
```

Stored pictures, videos and uploaded files are not part of it.

A restore checks everything beforehand. Then it puts a text that is no database where the database
will be, on which no service starts, or marks that of a server as incomplete; then key and settings;
the database last. After a crash in between it is run again. It may go to another kind of database
than the one that the backup was made of.
"""

from grokgate.backup.archive import Manifest
from grokgate.backup.making import make_backup
from grokgate.backup.passphrase import SHORTEST_PASSPHRASE
from grokgate.backup.restoring import restore_backup

__all__ = ["SHORTEST_PASSPHRASE", "Manifest", "make_backup", "restore_backup"]
