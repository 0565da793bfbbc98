"""``/v1/videos`` in the shape of OpenAI (`openai-contract.md` 7.1).

Whatever belongs to another key, has expired or was deleted reads like what never was: 404
``video_not_found``, with the same words. A job answers in the shape it was created with.
"""

from typing import Annotated, Any, Final, Literal

from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from grokgate.errors import Conflict, InvalidRequest, ObjectNotFound
from grokgate.plugin import (
    Content,
    Ctx,
    CurrentBody,
    CurrentCaller,
    FileReply,
    Settings,
    deliver,
)
from grokgate_video.asking import check, read_request
from grokgate_video.filming import begin, remove
from grokgate_video.record import Job, Kept, to_video, to_xai
from grokgate_video.schema import (
    RemixRequest,
    VideoDeleted,
    VideoList,
    VideoObject,
    XaiJob,
)
from grokgate_video.store import StoredJobs

PATH: Final = "/v1/videos/{video_id:str}"


@post("/v1/videos", status_code=200, summary="Have a video made.")
async def create_video(
    ctx: Ctx[Settings], caller: CurrentCaller, content: CurrentBody
) -> VideoObject:
    """Begin a job; it goes on without its client."""
    checked = await check(ctx, caller, await read_request(content))
    return to_video(await begin(ctx, caller, checked.offer, checked.wish, checked.job))


@get("/v1/videos", summary="List the videos of this key.")
async def list_videos(
    ctx: Ctx[Settings],
    caller: CurrentCaller,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    order: FromQuery[Literal["asc", "desc"]] = "desc",
    after: FromQuery[str | None] = None,
) -> VideoList:
    """List the caller's jobs by age; ``after`` is the last one of the page before."""
    jobs = StoredJobs(ctx, caller.key_id)
    if after is not None:
        await jobs.find(after)
    found = await jobs.page(limit=limit + 1, order=order, after=after)
    page = [to_video(job) for job in found[:limit]]
    return VideoList(
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(found) > limit,
    )


@get(PATH, summary="Retrieve a video job.")
async def get_video(
    ctx: Ctx[Settings], caller: CurrentCaller, video_id: FromPath[str]
) -> VideoObject | XaiJob:
    """Return a job as it stands."""
    job = await StoredJobs(ctx, caller.key_id).find(video_id)
    return to_xai(job) if job.shape == "xai" else to_video(job)


@delete(PATH, status_code=200, summary="Delete a video.")
async def delete_video(
    ctx: Ctx[Settings], caller: CurrentCaller, video_id: FromPath[str]
) -> VideoDeleted:
    """Delete a job and its files; one that is under way is cancelled."""
    job = await StoredJobs(ctx, caller.key_id).find(video_id)
    await remove(ctx, job, owner=caller.key_id)
    return VideoDeleted(id=video_id)


@get(f"{PATH}/content", summary="Download a video.")
async def get_content(
    ctx: Ctx[Settings],
    caller: CurrentCaller,
    request: Request[Any, Any, Any],
    video_id: FromPath[str],
    *,
    variant: FromQuery[Literal["video", "thumbnail", "spritesheet"]] = "video",
) -> FileReply:
    """Send the file of a finished job, or its first picture."""
    job = await StoredJobs(ctx, caller.key_id).find(video_id)
    kept = _variant(job, variant)
    content = Content(
        name=kept.name,
        mime=kept.mime,
        size=kept.size,
        etag=f'"{kept.name}"',
        disposition="inline",
        cache_control="private, no-store",
    )
    return await deliver(
        request,
        content,
        lambda start, end: ctx.media.part(kept.name, owner=caller.key_id, start=start, end=end),
    )


@post(f"{PATH}/remix", status_code=200, summary="Have a finished video changed.")
async def remix_video(
    ctx: Ctx[Settings], caller: CurrentCaller, video_id: FromPath[str], content: CurrentBody
) -> VideoObject:
    """Refuse: no protocol profile of an upstream can change a video."""
    if content.is_form:
        await content.form(RemixRequest, file_fields=())
    else:
        await content.json(RemixRequest)
    await StoredJobs(ctx, caller.key_id).find(video_id)
    raise InvalidRequest(
        "The upstream cannot change a finished video.", code="unsupported_value", param="video_id"
    )


def _variant(job: Job, variant: str) -> Kept:
    """Return a file of a job.

    Raises:
        InvalidRequest: There is never one of that kind.
        Conflict: There is no video yet, or there never will be.
        ObjectNotFound: The upstream made no picture.
    """
    if variant == "spritesheet":
        raise InvalidRequest(
            "Sprite sheets are not made.", code="unsupported_value", param="variant"
        )
    if job.video is None:
        raise Conflict(
            "The video is not ready.", code="video_not_ready", headers={"x-should-retry": "false"}
        )
    kept = job.video if variant == "video" else job.poster
    if kept is None:
        raise ObjectNotFound("This video has no thumbnail.", code="video_not_found")
    return kept
