"""What operators watch, in Prometheus' terms."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "kvitok_requests_total", "Protocol requests by outcome", ["agent", "operation", "outcome"]
)
SECONDS = Histogram(
    "kvitok_request_seconds",
    "Time from a request's last byte to its answer's first",
    ["agent"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
)
CONFLICTS = Counter(
    "kvitok_payment_conflicts_total", "Payment ids reused for another account or sum", ["agent"]
)
SYNC_LAG = Gauge(
    "kvitok_sync_lag_seconds",
    "Age of the last sign of life of the sync",
    multiprocess_mode="livemax",
)
NEAR_CACHE = Gauge(
    "kvitok_near_cache", "Near cache counters of a worker", ["what"], multiprocess_mode="livesum"
)
