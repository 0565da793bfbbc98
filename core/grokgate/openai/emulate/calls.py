"""Which calls of a block may be returned, and what is wrong with the others."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from grokgate.openai.emulate.block import RawCall
from grokgate.openai.emulate.tools import Choice, Tool


class Judged(Struct, frozen=True, kw_only=True):
    """What became of the calls of one block."""

    accepted: tuple[RawCall, ...]
    problems: tuple[str, ...]
    """One sentence per call that needs a repair."""


def judge(calls: Sequence[RawCall], tools: Mapping[str, Tool], choice: Choice) -> Judged:
    """Check *calls* against the declared tools; calls that *choice* forbids are left out."""
    accepted: list[RawCall] = []
    problems: list[str] = []
    for call, problem in _permitted(calls, tools, choice):
        if problem:
            problems.append(f"{call.name}: {problem}" if call.name else problem)
        else:
            accepted.append(call)
        if not choice.parallel:
            break
    return Judged(accepted=tuple(accepted), problems=tuple(problems))


def _permitted(
    calls: Sequence[RawCall], tools: Mapping[str, Tool], choice: Choice
) -> Iterator[tuple[RawCall, str]]:
    for call in calls:
        tool = tools.get(call.name)
        if tool is None:
            yield call, call.problem
        elif choice.permits(call.name):
            yield call, call.problem or _misfit(call, tool)


def _misfit(call: RawCall, tool: Tool) -> str:
    if tool.checked is None or call.value is None:
        return ""
    return tool.checked.problem(call.value)
