"""Another process of the installation: jobs that a plugin knows of, and cannot find here."""

from collections.abc import Iterable

from grokgate.bus import LocalBus, LocalPresence
from grokgate.jobs import JobId, Jobs


class OtherProcess(LocalBus):
    """Jobs that go on elsewhere, as far as the gateway of a test knows.

    Attributes:
        asked: Keys of the jobs that it was asked to cancel, in order; a deaf one is asked again.
        watches: Whether it watches the jobs of the gateway.

    Args:
        jobs: Of the gateway.
        owner: Id of the key that the jobs work for.
    """

    def __init__(self, jobs: Jobs, owner: str) -> None:
        self.asked: list[str] = []
        self.watches = False
        self._owner = owner
        self._presence = _Presence(self)
        self._running: dict[str, JobId] = {}
        self._deaf: set[JobId] = set()
        jobs.join(self, self._presence)

    def start(self, plugin: str, kind: str, key: str, *, deaf: bool = False) -> None:
        """Have a job go on there.

        Args:
            plugin: Name of its plugin.
            kind: As in `grokgate.plugin.Jobs.start`.
            key: Likewise.
            deaf: It does not end when it is asked to.
        """
        job = JobId(plugin=plugin, kind=kind, key=key, owner=self._owner)
        self._running[job.name] = job
        self._presence.begin(job.name)
        if deaf:
            self._deaf.add(job)

    def end(self, plugin: str, kind: str, key: str) -> None:
        """End a job, as the end of its work or of its process does."""
        job = JobId(plugin=plugin, kind=kind, key=key, owner=self._owner)
        del self._running[job.name]
        self._presence.end(job.name)

    def publish(self, topic: str, ids: Iterable[str] = (), /) -> None:
        """Cancel the jobs with these names."""
        del topic
        for job in [self._running[name] for name in ids if name in self._running]:
            self.asked.append(job.key)
            if job not in self._deaf:
                self.end(job.plugin, job.kind, job.key)


class _Presence(LocalPresence):
    """What goes on in both processes."""

    def __init__(self, other: OtherProcess) -> None:
        super().__init__()
        self._other = other

    async def is_watched(self, name: str, /) -> bool:
        """Tell whether the other process watches."""
        del name
        return self._other.watches
