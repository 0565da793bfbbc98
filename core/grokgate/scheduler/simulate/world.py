"""The program between its clients and the upstream, all on virtual time.

1. A client arrives with one or several calls, which share its retries and its one penalty.
2. A call is leased an account, or waits, or is refused. Its attempt goes out and ends as the
   `Script` says, and is tried elsewhere where the rules allow it (`Traffic`).
3. Doubted accounts are surveyed; a survey is a look at the truth somewhere between its two ends
   (`Surveys`).
4. The program may be killed or restarted; clients and accounts stay.
"""

from collections.abc import Callable
from random import Random

from grokgate.scheduler.core import Core
from grokgate.scheduler.simulate.clients import Retries, Script
from grokgate.scheduler.simulate.faults import FaultPoints
from grokgate.scheduler.simulate.ground import Ground
from grokgate.scheduler.simulate.scenery import Scene
from grokgate.scheduler.simulate.shell import Shell
from grokgate.scheduler.simulate.surveys import Surveys
from grokgate.scheduler.simulate.traffic import Traffic
from grokgate.scheduler.simulate.witness import Witness
from grokgate.tokens.record import TokenRecord


class World(Ground):
    """One simulation.

    Args:
        scene: What is there.
        script: Decides how attempts go.
        witness: Sees everything.
        rng: Of the world; the core has one of its own.
        faults: What goes wrong.
        retries: The rules by which calls are tried again.
        make_core: What to drive.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        script: Script,
        witness: Witness,
        rng: Random,
        faults: FaultPoints,
        retries: Retries,
        make_core: Callable[..., Core] = Core,
    ) -> None:
        super().__init__(scene, witness=witness, rng=rng, faults=faults)
        self.surveys = Surveys(self)
        self.traffic = Traffic(self, script=script, retries=retries, surveys=self.surveys)
        self._make_core = make_core
        self._jumped = False
        self._start(unclean=False)

    def crash(self) -> None:
        """Kill the program and start it again: what was not written is lost, all calls are cut."""
        self.witness.note("crash")
        self.distrust(self.shell.unwritten())
        self.shell.life.over = True
        self.traffic.cut()
        self._start(unclean=True)

    def restart(self) -> None:
        """Stop the program properly and start it again."""
        self.witness.note("restart")
        self.traffic.leave_queue()
        self.traffic.cut()
        self.shell.stop(self.witness.expired)
        self._start(unclean=False)

    def jump(self, wall_s: float) -> None:
        """Make the wall clock jump; what was stored before is read wrongly after a restart."""
        self._jumped = True
        self.agenda.jump(wall_s)
        self.witness.note("jump", round(wall_s))

    def share(self, token: str) -> None:
        """Have the owner of an account use it elsewhere."""
        self.accounts[token].disturb(self.agenda.now.s)
        self.witness.note("shared", token)

    def edit(self, record: TokenRecord) -> TokenRecord:
        """Commit an operator's edit, and tell the program."""
        old = self.store.records[record.id]
        if old.deleted_at_ms is not None:
            # What was in flight when it was deleted was never written.
            self.distrust((record.id,))
        self.store.records[record.id] = record
        self.witness.note("edit", record.id, record.pool, record.max_inflight, record.state.status)
        self.shell.edited(record, self.witness.editing)
        return record

    def _start(self, *, unclean: bool) -> None:
        """Start the program on what is on disk."""
        self.shell = Shell(
            agenda=self.agenda,
            store=self.store,
            specs=self.scene.specs,
            rules=self.scene.rules,
            rng=Random(self.rng.random()),  # noqa: S311 - chance, not secrets
            faults=self.faults,
            doubted=self.surveys.plan,
            answered=self.traffic.answered,
            make_core=self._make_core,
        )
        self.surveys.reset()
        self.traffic.reset()
        if self._jumped:
            self.distrust(self.accounts)
        self.shell.start(unclean=unclean)
        self.witness.started(self.shell, unclean=unclean)
