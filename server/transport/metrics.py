"""What operators watch, in Prometheus' terms."""

from __future__ import annotations

from bisect import bisect_left

from prometheus_client import Counter, Gauge, Histogram

CHECK = "check"
OK = "ok"


class BulkHistogram(Histogram):
    """A histogram that also takes many observations at once, already sorted into its buckets."""

    def add(self, counts: list[int], total: float) -> None:
        """`counts`: one for each bucket and one for what is above all; `total`: the sum."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
FIRST_BOUND = BOUNDS[0]

REQUESTS = Counter(
    "kvitok_requests_total", "Protocol requests by outcome", ["agent", "operation", "outcome"]
)
SECONDS = BulkHistogram(
    "kvitok_request_seconds",
    "Time from a request's last byte to its answer's first",
    ["agent"],
    buckets=BOUNDS,
)
CONFLICTS = Counter(
    "kvitok_payment_conflicts_total", "Payment ids reused for another account or sum", ["agent"]
)
CONNECTIONS = Gauge(
    "kvitok_connections", "Connections that a worker has open", multiprocess_mode="livesum"
)
CONNECTIONS_REFUSED = Counter(
    "kvitok_connections_refused_total",
    "Connections reset at once, by the limit that was reached: the worker's or the peer's",
    ["limit"],
)
SYNC_LAG = Gauge(
    "kvitok_sync_lag_seconds",
    "Age of the last sign of life of the sync",
    multiprocess_mode="livemax",
)
NEAR_CACHE = Gauge(
    "kvitok_near_cache", "Near cache counters of a worker", ["what"], multiprocess_mode="livesum"
)
FAST_ANSWERS = Counter(
    "kvitok_fast_answers_total",
    "Checks answered on the fast lane, by where the account came from",
    ["agent", "source"],
)


class Tally:
    """What the fast lane has answered for an agent since it was last added to the metrics."""

    __slots__ = ("_agent", "_slow", "answered", "fetched", "gets", "posts", "seconds")

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self.gets: list[bytes] = []
        """Accounts answered but not counted yet, likewise `posts`; the same lists for ever."""
        self.posts: list[bytes] = []
        self.answered = 0
        self.fetched = 0
        """Of these: the store was asked."""
        self.seconds = 0.0
        self._slow = [0] * (len(BOUNDS) + 1)
        """Of what took longer than the first bound, by bucket."""

    def note(self, seconds: float, count: int) -> None:
        """So many answers took so long, each of them."""
        self.seconds += seconds * count
        if seconds > FIRST_BOUND:
            self.note_slow(seconds, count)

    def note_slow(self, seconds: float, count: int) -> None:
        """So many answers took longer than the first bound."""
        self._slow[bisect_left(BOUNDS, seconds)] += count

    def flush(self) -> int:
        """Add everything to the metrics and begin anew; returns what came from memory."""
        answered, from_memory = self.answered, self.answered - self.fetched
        if not answered:
            return 0
        counts = [answered - sum(self._slow), *self._slow[1:]]
        REQUESTS.labels(self._agent, CHECK, OK).inc(answered)
        SECONDS.labels(self._agent).add(counts, self.seconds)
        FAST_ANSWERS.labels(self._agent, "memory").inc(from_memory)
        FAST_ANSWERS.labels(self._agent, "redis").inc(self.fetched)
        self.answered = self.fetched = 0
        self.seconds = 0.0
        self._slow = [0] * (len(BOUNDS) + 1)
        return from_memory
