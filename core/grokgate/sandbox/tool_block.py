"""Emulated function calls: the block of text in which a model asks for a tool.

The form is that of `openai-contract.md` 3.4; other styles are the ways models get it wrong.
"""

import base64
import binascii

from grokgate.sandbox.directive import DirectiveError, Options


def tool_block(options: Options, prompt: str) -> str:
    """Write the calls that *options* ask for.

    Args:
        options: Name, arguments, number and style of the calls.
        prompt: Looked through for the broken call, which shows that a repair is asked for.

    Raises:
        DirectiveError: The arguments do not decode.
    """
    arguments = _arguments(options)
    style: str = options.style
    if style == "broken" and options.repair and _call("broken", options.name, arguments) in prompt:
        style = "valid"
    call = _call(style, options.name, arguments)
    block = "\n".join(["<tool_calls>", *[call] * options.calls, "</tool_calls>"])
    if style == "fenced":
        return f"```xml\n{block}\n```\nThat is what a call looks like."
    return block


def _call(style: str, name: str, arguments: str) -> str:
    match style:
        case "broken":
            return f'<tool_call name="{name}">{arguments.rstrip("}")},,</tool_call>'
        case "nested":
            return (
                f"<tool_call><tool_name>{name}</tool_name>"
                f"<parameters>{arguments}</parameters></tool_call>"
            )
        case "undeclared":
            return f'<tool_call name="undeclared_tool">{arguments}</tool_call>'
        case _:
            return f'<tool_call name="{name}">{arguments}</tool_call>'


def _arguments(options: Options) -> str:
    if not options.args:
        return '{"city":"Lisbon"}'
    padded = options.args + "=" * (-len(options.args) % 4)
    try:
        return base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise DirectiveError("@sim: args is no base64url of UTF-8") from error
