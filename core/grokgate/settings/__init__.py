"""Typed settings: declared once, read from layers, changed while the service runs.

```text
fields, values   structs → fields; what a value may be
app, grok, token, limits, performance, media, observing, models
                 the core's own sections; the last makes the operator's model cards too
startup          those of them needed before plugins are loaded
core             all of them, joined
sources, aliases raw values of file and environment; old spellings
resolve          layers → one value for each key, with its origin
snapshot         all values at one revision
changes          what a patch asks for, and the text that says it
document, files  TOML that keeps comments; writes that are whole or not at all
depot, stored    what settings need of a database; the sealed rows in it
saving           one change on its way to file and database
store, following load, reload, change; what others changed
beginning        the file of a first start
showing, titles  what operators get to see
environment      ``.env``, names of F-ENV, `Boot`
```
"""

from grokgate.settings.changes import SettingsLocked
from grokgate.settings.core import setting_keys
from grokgate.settings.environment import Boot, load_environment, read_boot
from grokgate.settings.fields import Declaration, Field, Switch, collect_fields
from grokgate.settings.snapshot import Snapshot
from grokgate.settings.store import SettingsStore

__all__ = [
    "Boot",
    "Declaration",
    "Field",
    "SettingsLocked",
    "SettingsStore",
    "Snapshot",
    "Switch",
    "collect_fields",
    "load_environment",
    "read_boot",
    "setting_keys",
]
