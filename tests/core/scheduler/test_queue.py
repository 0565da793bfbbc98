from grokgate.scheduler.queue import FairQueue


def _served(queue: FairQueue[str], count: int) -> list[str]:
    served: list[str] = []

    def accept(item: str) -> bool:
        if len(served) == count:
            return False
        served.append(item)
        return True

    queue.serve(accept)
    return served


def test_keys_take_turns_and_each_is_first_come_first_served() -> None:
    queue = FairQueue[str]()
    for key, item in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")):
        queue.join(key, "chat", item, size=9)

    assert _served(queue, 4) == ["a1", "b1", "a2", "b2"]
    assert _served(queue, 4) == ["a3"]


def test_turns_go_on_where_the_last_round_stopped() -> None:
    queue = FairQueue[str]()
    for key, item in (("a", "a1"), ("b", "b1"), ("a", "a2")):
        queue.join(key, "chat", item, size=9)
    _served(queue, 1)

    assert _served(queue, 1) == ["b1"]


def test_full_queue_has_no_place() -> None:
    queue = FairQueue[str]()
    queue.join("a", "chat", "a1", size=1)

    assert queue.join("b", "chat", "b1", size=1) is None
    assert FairQueue[str]().join("a", "chat", "a1", size=0) is None


def test_what_one_kind_waits_for_does_not_hold_up_another() -> None:
    queue = FairQueue[str]()
    queue.join("a", "heavy", "a1", size=9)
    queue.join("a", "chat", "a2", size=9)
    queue.serve(lambda item: item == "a2")

    assert len(queue) == 1


def test_a_kind_that_cannot_be_served_is_asked_for_once() -> None:
    queue = FairQueue[str]()
    for number in range(50):
        queue.join(f"key{number}", "chat", str(number), size=99)
    asked: list[str] = []

    def refuse(item: str) -> bool:
        asked.append(item)
        return False

    queue.serve(refuse)

    assert asked == ["0"]


def test_leaving_twice_is_leaving_once() -> None:
    queue = FairQueue[str]()
    place = queue.join("a", "chat", "a1", size=9)
    assert place is not None
    queue.leave(place)
    queue.leave(place)

    assert len(queue) == 0


def test_who_was_served_in_vain_is_the_next_of_its_key() -> None:
    queue = FairQueue[str]()
    for item in ("a1", "a2"):
        queue.join("a", "chat", item, size=2)
    _served(queue, 1)
    queue.join("a", "chat", "a3", size=2)
    queue.join("a", "chat", "a1", size=2, again=True)

    assert _served(queue, 3) == ["a1", "a2", "a3"]
