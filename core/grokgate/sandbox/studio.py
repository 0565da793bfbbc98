"""Where an account's pictures and videos are made and kept; all of them are harmless."""

import uuid
from functools import cache
from importlib.resources import files
from math import sqrt
from random import Random

from grokgate.sandbox.accounts import Account, StoredFile
from grokgate.sandbox.painting import Painting, paint
from grokgate.sandbox.pictures import to_jpeg
from grokgate.sandbox.world import Visit


class Studio:
    """Makes files for one account; ids depend on its randomness alone."""

    def __init__(self, account: Account, *, random: Random, now: float) -> None:
        self.account = account
        self._random = random
        self._now = now

    @classmethod
    def of(cls, visit: Visit) -> "Studio":
        """Open the studio of a visitor, whose next randomness it takes."""
        random = visit.world.random(visit.account)
        return cls(visit.account, random=random, now=visit.world.clock.epoch_s())

    def new_id(self) -> str:
        """Return a fresh UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def picture(
        self, picture_id: str, painting: Painting, *, size: int | None = None
    ) -> StoredFile:
        """Keep a painting as a JPEG of *size* bytes; None: as small as it gets."""
        path = f"generated/{picture_id}/image.jpg"
        return self._keep(picture_id, path, "image/jpeg", to_jpeg(painting, size=size))

    def video(self, tint: str) -> tuple[StoredFile, StoredFile]:
        """Keep a video of six seconds, and the picture that stands for it."""
        video_id = self.new_id()
        folder = f"generated/{video_id}"
        still = to_jpeg(paint("SANDBOX\nVIDEO", width=688, height=464, tint=tint))
        return (
            self._keep(video_id, f"{folder}/generated_video.mp4", "video/mp4", _sample()),
            self._keep(self.new_id(), f"{folder}/preview_image.jpg", "image/jpeg", still),
        )

    def sharper(self, video: StoredFile) -> StoredFile:
        """Keep a video once more, under the name of the sharper one."""
        path = f"generated/{video.id}/generated_video_hd.mp4"
        return self._keep(self.new_id(), path, video.mime, video.content)

    def _keep(self, file_id: str, path: str, mime: str, content: bytes) -> StoredFile:
        file = StoredFile(
            id=file_id,
            name=path.rpartition("/")[2],
            mime=mime,
            content=content,
            created_at=self._now,
            used_at=self._now,
            path=path,
        )
        self.account.keep(file)
        return file


def numbered(slot: int, *, ratio: str, tint: str, scale: int = 1) -> Painting:
    """Paint the picture of a slot, or a smaller one of the same shape.

    Args:
        slot: Position from 0.
        ratio: Width to height, such as ``2:3``; ``auto`` is square.
        tint: Decides the colour: the picture's own id, for no two pictures are equal.
        scale: How many times smaller.
    """
    width, height = size_of(ratio)
    return paint(f"SANDBOX\n{slot + 1}", width=width // scale, height=height // scale, tint=tint)


def size_of(ratio: str) -> tuple[int, int]:
    """Return width and height in pixels, multiples of 16, about one megapixel."""
    wide, _, high = ("1:1" if ratio == "auto" else ratio).partition(":")
    share = float(wide) / float(high)
    return _rounded(sqrt(_PIXELS * share)), _rounded(sqrt(_PIXELS / share))


def _rounded(length: float) -> int:
    return round(length / 16) * 16


@cache
def _sample() -> bytes:
    """Read the bundled video: one still picture in H.264, 688 by 464 pixels."""
    return files(__package__).joinpath("samples", "video.mp4").read_bytes()


_PIXELS = 832 * 1248
