"""Metrics as plain values: what one worker shows, what several show together, and their text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Labels: TypeAlias = tuple[str, ...]
Together: TypeAlias = Literal["each", "sum", "most", "one"]
"""How several workers show it: each under the label ``worker``, as the sum or the largest value of
all, or as the one that is asked sees it."""

_WORKER: Final = "worker"


class Sample(Struct, frozen=True):
    """One value."""

    labels: Labels
    value: float
    """Of a histogram: the sum of all that was observed."""
    buckets: tuple[tuple[str, float], ...] = ()
    """Of a histogram: upper bounds, and how much was observed up to each."""


class Family(Struct, frozen=True):
    """All values of one name."""

    name: str
    """Without the ending ``_total`` of a counter."""
    text: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Labels
    samples: tuple[Sample, ...]
    together: Together = "each"


def render(families: Sequence[Family]) -> bytes:
    """Return *families* in the text format 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - idle memory

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(families))
    return generate_latest(registry)


def combined(workers: Mapping[int, Sequence[Family]], *, asked: int) -> list[Family]:
    """Return what several workers show together.

    Counters and histograms stay apart: their sum would fall with the end of a worker, which a
    monitoring system takes for a new start of all.

    Args:
        workers: What each shows, by its number.
        asked: Number of the one that is asked; all of its names are shown.
    """
    found: dict[str, dict[int, Family]] = {}
    for number in sorted(workers):
        for family in workers[number]:
            found.setdefault(family.name, {})[number] = family
    return [_combined(family, found[family.name]) for family in workers[asked]]


def _combined(family: Family, parts: Mapping[int, Family]) -> Family:
    match family.together:
        case "one":
            return family
        case "sum":
            return replace(family, samples=_folded(parts.values(), sum))
        case "most":
            return replace(family, samples=_folded(parts.values(), max))
    samples = tuple(
        replace(sample, labels=(*sample.labels, str(number)))
        for number, part in parts.items()
        for sample in part.samples
    )
    return replace(family, labels=(*family.labels, _WORKER), samples=samples)


def _folded(
    parts: Iterable[Family], fold: Callable[[Iterable[float]], float]
) -> tuple[Sample, ...]:
    values: dict[Labels, list[float]] = {}
    for part in parts:
        for sample in part.samples:
            values.setdefault(sample.labels, []).append(sample.value)
    return tuple(Sample(labels, fold(found)) for labels, found in values.items())


class _Collector:
    """What the client library calls to get the families."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator["Metric"]:
        return map(_metric, self._families)


def _metric(family: Family) -> "Metric":
    from prometheus_client.core import (  # noqa: PLC0415 - idle memory
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if family.kind == "histogram":
        times = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        for sample in family.samples:
            times.add_metric(sample.labels, list(sample.buckets), sample.value)
        return times
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.name, family.text, labels=family.labels)
    for sample in family.samples:
        metric.add_metric(sample.labels, sample.value)
    return metric
