from grokgate.scheduler.incident import Incidents
from grokgate.upstream import Kind


def _seen(incidents: Incidents, tokens: str, *, every_s: float = 1.0) -> list[bool]:
    return [
        incidents.seen("web", Kind.FORBIDDEN, token, number * every_s)
        for number, token in enumerate(tokens)
    ]


def test_third_token_with_the_same_fault_begins_an_incident() -> None:
    incidents = Incidents()

    assert _seen(incidents, "abcd") == [False, False, True, False]
    assert incidents.active("web")
    assert not incidents.active("xai")


def test_one_token_alone_is_no_incident() -> None:
    assert _seen(Incidents(), "aaaaa") == [False] * 5


def test_faults_far_apart_are_no_incident() -> None:
    assert _seen(Incidents(), "abcdef", every_s=31) == [False] * 6


def test_different_faults_are_no_incident() -> None:
    incidents = Incidents()
    kinds = (Kind.FORBIDDEN, Kind.CHALLENGE, Kind.AUTH_FAIL)

    assert not any(incidents.seen("web", kind, kind.value, 0) for kind in kinds)


def test_first_success_ends_an_incident() -> None:
    incidents = Incidents()
    _seen(incidents, "abc")

    assert incidents.succeeded("web")
    assert not incidents.active("web")
    assert not incidents.succeeded("web")


def test_next_fault_after_a_short_relief_begins_another() -> None:
    incidents = Incidents()
    _seen(incidents, "abc")
    incidents.succeeded("web")

    assert incidents.seen("web", Kind.FORBIDDEN, "d", 4.0)
    assert incidents.count == 2
