"""Pictures, videos and files: kept, signed, looked up, read in pieces, cleaned (F-FILE, F-CACHE).

```text
content   what bytes are, by their beginning        links     signatures of links; pure
store     bytes in a folder or a bucket             forms     multipart bodies, spooled
pictures  generated media and uploaded pictures     files     the /v1/files objects
keeping   how these are written                     turns     one fetch of a file at a time
names     what these are called
cleaning  limits, expiry, files of predecessors     opening   all of it over one store
```

Only this package imports obstore.
"""

from grokgate.media.cleaning import Cleaning
from grokgate.media.content import EXTENSIONS, PICTURES, UNKNOWN
from grokgate.media.files import Files, Order, Purpose
from grokgate.media.forms import Forms
from grokgate.media.opening import MediaServices, open_media
from grokgate.media.pictures import Linked, Pictures, not_found
from grokgate.media.store import ByteStore

__all__ = [
    "EXTENSIONS",
    "PICTURES",
    "UNKNOWN",
    "ByteStore",
    "Cleaning",
    "Files",
    "Forms",
    "Linked",
    "MediaServices",
    "Order",
    "Pictures",
    "Purpose",
    "not_found",
    "open_media",
]
