"""What several workers show together."""

from grokgate.telemetry.families import Family, Sample, Together, combined, render


def gauge(value: float, together: Together) -> Family:
    return Family("n", "Text.", "gauge", ("pool",), (Sample(("a",), value),), together)


def shown(together: Together) -> list[tuple[tuple[str, ...], float]]:
    """Return labels and values of 3 at the worker that is asked, and 5 at the other one."""
    workers = {1: [gauge(5, together)], 2: [gauge(3, together)]}
    (family,) = combined(workers, asked=2)
    return [(sample.labels, sample.value) for sample in family.samples]


def test_counts_of_each_stand_beside_each_other() -> None:
    assert shown("each") == [(("a", "1"), 5), (("a", "2"), 3)]


def test_amounts_are_added_up() -> None:
    assert shown("sum") == [(("a",), 8)]


def test_trouble_of_one_is_trouble() -> None:
    assert shown("most") == [(("a",), 5)]


def test_what_all_share_is_told_by_who_is_asked() -> None:
    assert shown("one") == [(("a",), 3)]


def test_times_of_each_stand_beside_each_other() -> None:
    family = Family(
        "t", "Text.", "histogram", (), (Sample((), 0.5, (("1.0", 1.0), ("+Inf", 2.0))),)
    )
    text = render(combined({1: [family], 2: [family]}, asked=1)).decode()

    assert text.count("# TYPE t histogram") == 1
    assert 't_bucket{le="+Inf",worker="1"} 2.0' in text
    assert 't_sum{worker="2"} 0.5' in text
