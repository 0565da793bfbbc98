"""Where the one-file program starts.

It stands in for an interpreter where Grokgate starts one: for the sandbox with ``-m grokgate``, for
server processes with what multiprocessing hands over.
"""

import multiprocessing
import sys

from grokgate.cli.main import main

if __name__ == "__main__":
    multiprocessing.freeze_support()
    if sys.argv[1:3] == ["-m", "grokgate"]:
        del sys.argv[1:3]
    raise SystemExit(main())
