"""``/v1/videos/*`` in the shape of xAI (`openai-contract.md` 7.2), and what no upstream offers."""

from typing import NoReturn

from litestar import post, route
from litestar.params import FromPath, JSONBody

from grokgate.plugin import Ctx, CurrentBody, CurrentCaller, Settings
from grokgate_video.asking import check, of_xai
from grokgate_video.extension import check_extension, not_offered, read_extension
from grokgate_video.filming import begin
from grokgate_video.record import to_video
from grokgate_video.schema import VideoObject, XaiAccepted, XaiRequest


@post("/v1/videos/generations", status_code=200, summary="Have a video made, in xAI's shape.")
async def generate_video(
    ctx: Ctx[Settings], caller: CurrentCaller, data: JSONBody[XaiRequest]
) -> XaiAccepted:
    """Begin a job; it goes on without its client."""
    checked = await check(ctx, caller, of_xai(data))
    job = await begin(ctx, caller, checked.offer, checked.wish, checked.job)
    return XaiAccepted(request_id=job.id)


@post("/v1/videos/extensions", status_code=200, summary="Have a finished video continued.")
async def extend_video(
    ctx: Ctx[Settings], caller: CurrentCaller, content: CurrentBody
) -> VideoObject | XaiAccepted:
    """Begin a job whose video is both together."""
    checked = await check_extension(ctx, caller, await read_extension(content))
    job = await begin(ctx, caller, checked.offer, checked.wish, checked.job)
    return to_video(job) if job.shape == "openai" else XaiAccepted(request_id=job.id)


@post("/v1/videos/edits", summary="Have a video changed: not offered.")
async def edit_video() -> None:
    """Refuse: no protocol profile of an upstream can change a video."""
    _refuse("change videos")


@route("/v1/videos/characters", http_method=["GET", "POST"], summary="Characters: not offered.")
async def make_character() -> None:
    """Refuse: no upstream has characters."""
    _refuse("keep characters")


@route(
    "/v1/videos/characters/{character_id:str}",
    http_method=["GET", "DELETE"],
    summary="A character: not offered.",
)
async def find_character(character_id: FromPath[str]) -> None:
    """Refuse: no upstream has characters."""
    del character_id
    _refuse("keep characters")


def _refuse(what: str) -> NoReturn:
    raise not_offered(what)
