"""Slowness of the simulated upstream: plain sleeps of the task that answers, nothing else."""

import asyncio

from grokgate.sandbox.faults import Action, AntiBot, Pace, WsHandshake
from grokgate.sandbox.journal import Exchange
from grokgate.sandbox.request import Send, Stream


async def hold_back(actions: tuple[Action, ...]) -> None:
    """Wait as long as *actions* want the status to be late, perhaps for ever."""
    for action in actions:
        match action:
            case Pace(stall="headers") | AntiBot(place="silent"):
                await stall()
            case Pace(first_ms=first_ms) if first_ms:
                await asyncio.sleep(first_ms / 1_000)
            case _:
                pass


async def delay_handshake(actions: tuple[Action, ...]) -> None:
    """Wait as long as *actions* want a handshake to be late."""
    for action in actions:
        if isinstance(action, WsHandshake):
            await asyncio.sleep(action.delay_ms / 1_000)


async def stall() -> None:
    """Wait until cancelled."""
    await asyncio.Event().wait()


async def send_pieces(stream: Stream, send: Send, exchange: Exchange) -> None:
    """Send the pieces of *stream* at its pace, without the end of the body.

    Gives way to other tasks at every piece, since writing to a client that has left may never
    suspend.
    """
    for count, piece in enumerate(stream.pieces):
        if count == stream.stall_at:
            await stall()
        await asyncio.sleep(stream.gap_s if count else 0)
        size = stream.chunk_bytes or _LARGEST_WRITE
        for start in range(0, len(piece), size):
            chunk = piece[start : start + size]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            exchange.bytes_sent += len(chunk)
        exchange.pieces_sent += 1
    if stream.stall_at is not None:
        await stall()


_LARGEST_WRITE = 64 * 1024
