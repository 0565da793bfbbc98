"""What there is while a simulation runs, shared by its clients, its surveys and its program."""

from collections.abc import Iterable
from random import Random
from typing import Any

from grokgate.scheduler.simulate.agenda import Agenda, Event
from grokgate.scheduler.simulate.faults import FaultPoints
from grokgate.scheduler.simulate.scenery import Scene
from grokgate.scheduler.simulate.shell import Shell, Store
from grokgate.scheduler.simulate.witness import Witness


class Ground:
    """Time, the disk, the accounts at the upstream, and the program that runs just now.

    Args:
        scene: What there is at the beginning.
        witness: Sees everything.
        rng: Of all that is not the program's.
        faults: What goes wrong.
    """

    shell: Shell
    """The program; another one after each start."""

    def __init__(self, scene: Scene, *, witness: Witness, rng: Random, faults: FaultPoints) -> None:
        self.agenda = Agenda()
        self.scene = scene
        self.store = Store(scene.records)
        self.accounts = {account.id: account for account in scene.accounts}
        self.witness = witness
        self.rng = rng
        self.faults = faults

    def distrust(self, tokens: Iterable[str]) -> None:
        """Note that the ledger cannot know any more what these accounts have left."""
        for token in tokens:
            self.accounts[token].vouched.clear()

    def later(self, delay_s: float, event: Event, *args: Any) -> None:
        """Plan what happens only if the program that runs now still runs then."""
        self.agenda.after(delay_s, event, *args, life=self.shell.life)
