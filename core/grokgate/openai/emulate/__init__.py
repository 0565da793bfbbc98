"""What an upstream cannot do itself, done in front of it: tools, `stop`, length, JSON formats.

```text
wanted      what a request wants, and how a model is asked for it
turn        one answer on its way to the client, made of:
  cut, stops    ends at a stop sequence or at a length
  sieve, block  parts text from the block of tool calls, and reads it
  calls         which calls may be returned
  structured    finds the JSON object in an answer
  written       keeps what a correction quotes
declared    tools and forms as requests declare them, compiled
```

Pure: text goes in piece by piece and comes out as early as it is certain.
`grokgate.plugin.Emulated` does the asking.
"""

from grokgate.openai.emulate.cut import StoppedAt
from grokgate.openai.emulate.declared import Declared, declare, declared_format
from grokgate.openai.emulate.structured import Format
from grokgate.openai.emulate.tools import Choice, Tool
from grokgate.openai.emulate.turn import Turn
from grokgate.openai.emulate.wanted import Wanted, corrected, to_upstream

__all__ = [
    "Choice",
    "Declared",
    "Format",
    "StoppedAt",
    "Tool",
    "Turn",
    "Wanted",
    "corrected",
    "declare",
    "declared_format",
    "to_upstream",
]
