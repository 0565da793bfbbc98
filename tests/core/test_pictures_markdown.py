from datetime import UTC, datetime

from grokgate.plugin import MediaRef
from grokgate.plugin.media import Picture, picture_line, poster_link, video_tag

REF = MediaRef(
    name="abc.jpg",
    link="https://gate.example/v1/files/image/abc.jpg?exp=1&sig=x",
    mime="image/jpeg",
    size=3,
    expires_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def made(data: bytes | None = None, ref: MediaRef | None = REF) -> Picture:
    return Picture(slot=0, data=data, ref=ref, mime="image/jpeg", width=1, height=1)


def test_picture_is_an_image_with_its_id() -> None:
    assert picture_line(made()) == f"![abc]({REF.link})"


def test_picture_that_comes_with_its_bytes_is_a_data_uri() -> None:
    assert picture_line(made(b"\xff\xd8\xff")) == "![abc](data:image/jpeg;base64,/9j/)"


def test_picture_that_is_not_kept_has_a_name_all_the_same() -> None:
    assert picture_line(made(b"\xff\xd8\xff", ref=None)).startswith("![image](data:")


def test_video_tag_is_escaped() -> None:
    assert video_tag('/v?a=1&b="2', poster=None) == (
        '<video id="video" controls="" preload="none">'
        '<source id="mp4" src="/v?a=1&amp;b=&quot;2" type="video/mp4"></video>'
    )


def test_video_shows_its_poster() -> None:
    assert 'preload="none" poster="/p.jpg">' in video_tag("/v.mp4", poster="/p.jpg")


def test_poster_leads_to_the_video() -> None:
    assert poster_link("/v", poster="/p") == '<a href="/v"><img src="/p"></a>'
