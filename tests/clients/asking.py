"""What the tests of several clients ask for, in the sandbox's words."""

import base64
from typing import Any

from pydantic import BaseModel

MODEL = "grok-4"
THINKER = "grok-4-thinking"

ECHO = "\n@sim scenario=echo"
"""Ends a text that is to be repeated, although an earlier one asked for something else."""
TOOLS = "Look it up\n@sim scenario=tools"
"""Answered by a call of ``lookup_city`` with the arguments ``{"city":"Lisbon"}``."""
SEARCH = "What is new?\n@sim scenario=search"
"""Answered by two sentences, each with a citation."""
SLOW = "Count\n@sim scenario=long delay_ms=50 tokens=400"
"""Answered in 20 seconds."""
RESULT = f"It is sunny.{ECHO}"
"""A tool's result that the sandbox repeats instead of calling the tool again."""
PORTO = 'It is:\n```json\n{"city": "Porto"}\n```'
"""Repeated by the sandbox, so the answer holds the JSON of a `City`."""

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class City(BaseModel):
    """Where somebody is."""

    city: str


def tool(**function: Any) -> Any:
    """Return ``lookup_city`` as chat completions declare it."""
    return {"type": "function", "function": {"name": "lookup_city", "parameters": CITY, **function}}


def user(content: Any) -> Any:
    """Return the messages of a conversation that begins."""
    return [{"role": "user", "content": content}]


def base64url(text: str) -> str:
    """Return *text* as the sandbox's ``args`` option wants it."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
