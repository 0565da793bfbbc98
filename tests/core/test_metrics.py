"""What ``/metrics`` tells."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grokgate.telemetry import Metrics
from grokgate.telemetry.metrics import MAX_SERIES


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    """Values by name and label values."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_counters_have_the_documented_names() -> None:
    metrics = Metrics()
    metrics.request_finished("/v1/a", "GET", status=200, seconds=0.2)
    metrics.call_ended("completed", ["connect", "ok"])
    metrics.quota_sync_failed("timeout")
    metrics.drift_seen("converse")
    metrics.plugin_fault("chat")
    shown = samples(metrics)

    assert shown["grokgate_requests_total", frozenset({"/v1/a", "GET", "200"})] == 1
    assert shown["grokgate_upstream_attempts_total", frozenset({"ok"})] == 1
    assert shown["grokgate_upstream_connect_errors_total", frozenset()] == 1
    assert shown["grokgate_retry_total", frozenset({"connect"})] == 1
    assert shown["grokgate_stream_end_total", frozenset({"completed"})] == 1
    assert shown["grokgate_quota_sync_errors_total", frozenset({"timeout"})] == 1
    assert shown["grokgate_upstream_drift_total", frozenset({"converse"})] == 1
    assert shown["grokgate_plugin_faults_total", frozenset({"chat"})] == 1


def test_request_times_are_counted_up_to_each_bound() -> None:
    metrics = Metrics()
    for seconds in (0.005, 0.2, 400):
        metrics.request_finished("/a", "GET", status=200, seconds=seconds)
    shown = samples(metrics)

    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "0.005"})] == 1
    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "0.25"})] == 2
    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "+Inf"})] == 3
    assert shown["grokgate_request_seconds_sum", frozenset({"/a"})] == pytest.approx(400.205)


def test_gauges_are_read_when_shown() -> None:
    metrics, depth = Metrics(), [1]
    metrics.watch("queue_depth", lambda: depth[0])
    metrics.watch_labelled("tokens", ("pool", "status"), lambda: {("basic", "active"): 7})
    depth[0] = 5
    shown = samples(metrics)

    assert shown["grokgate_queue_depth", frozenset()] == 5
    assert shown["grokgate_tokens", frozenset({"basic", "active"})] == 7


def test_totals_kept_elsewhere_are_read_when_shown() -> None:
    metrics = Metrics()
    metrics.watch_total("clock_jump", lambda: 2)
    metrics.watch_totals("penalties", ("class",), lambda: {("forbidden",): 3})
    shown = samples(metrics)

    assert shown["grokgate_clock_jump_total", frozenset()] == 2
    assert shown["grokgate_penalties_total", frozenset({"forbidden"})] == 3


def test_call_that_tried_no_account_ends_no_stream() -> None:
    metrics = Metrics()
    metrics.call_ended("unsent", [])

    assert metrics.count("stream_end", "unsent") == 0


def test_time_to_abort_is_counted() -> None:
    metrics = Metrics()
    metrics.upstream_aborted(0.05)

    assert samples(metrics)["grokgate_upstream_abort_seconds_bucket", frozenset({"0.1"})] == 1


def test_number_of_series_is_bounded() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 10):
        metrics.drift_seen(f"operation-{number}")

    assert metrics.count("upstream_drift", "other") == 10


def test_two_gateways_do_not_share_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.plugin_fault("chat")

    assert second.count("plugin_faults", "chat") == 0
