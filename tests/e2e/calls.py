"""What reached the sandbox, read as the conversation it belongs to."""

from grokgate.sandbox import Exchange

_MESSAGE = "conversation.item.create"


def prompt_of(call: Exchange) -> str:
    """Return what a chat call asks, by lines or by socket; empty: it has not asked yet."""
    if call.method == "POST":
        return str(call.json()["message"]) if call.body else ""
    events = [message["event"] for message in call.events("client")]
    if not any(event["type"] == "response.create" for event in events):
        return ""
    item = next(event["item"] for event in events if event["type"] == _MESSAGE)
    pieces = item["x_grok"]["input_chunks"]
    return "".join(piece["text"]["text"] for piece in pieces if "text" in piece)
