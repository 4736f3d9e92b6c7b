"""Changes as the feed tells them, gathered until they are worth a round trip. Pure."""

from __future__ import annotations

from collections.abc import Callable

from server.lookup.lanes import BILLED, billed_from, paid_from
from server.lookup.marks import ACCOUNT
from server.lookup.pgoutput import Fields
from server.lookup.snapshot import join

Half = tuple[int, bytes, int]
"""Version, bytes, and where in the WAL its commit begins."""

_NOTHING: Half = (0, b"", 0)
KEYS_MAX = 256  # one script call; Redis serves nobody else meanwhile (about 2 µs a key)


class Batch:
    """A Sink. To be sent: first `gone`, then `values`; an account created anew is in both."""

    def __init__(self, flawed: Callable[[str, ValueError], None]) -> None:
        self._flawed = flawed
        self._billed: dict[bytes, Half] = {}
        self._paid: dict[bytes, Half] = {}
        self._committed_from = 0
        self.gone: dict[bytes, None] = {}
        """Keys of accounts that were deleted."""
        self.lsn = 0
        """Everything committed before this is in this or an earlier batch."""
        self.committed_at = 0
        self.was_truncated = False
        self.is_full = False
        """Whether it should be sent before more is taken in."""
        self.is_inside = False
        """Whether its last transaction goes on."""

    def values(
        self, epoch: int, fence: int = 0, lacks: Callable[[bytes], bool] = lambda _: False
    ) -> dict[bytes, bytes]:
        """Snapshots, or parts of them, by key.

        What was committed before `fence` is left out where Redis `lacks` the key.
        """
        billed, paid = self._billed, self._paid
        if fence:
            billed, paid = (_without_past(lane, fence, lacks) for lane in (billed, paid))
        return {
            ACCOUNT + account: join(
                epoch, *billed.get(account, _NOTHING)[:2], *paid.get(account, _NOTHING)[:2]
            )
            for account in billed | paid
        }

    def clear(self) -> None:
        """It was sent."""
        self.is_full = False
        self._billed.clear()
        self._paid.clear()
        self.gone.clear()

    def began(self, lsn: int) -> None:
        self.is_inside = True
        self._committed_from = lsn

    def changed(self, table: str, fields: Fields) -> None:
        account, columns = fields[0], fields[1:]
        if table == BILLED:
            lane = self._billed
            lane[account] = self._half(billed_from, account, columns)
        else:
            lane = self._paid
            lane[account] = self._half(paid_from, account, columns)
        if len(lane) >= KEYS_MAX:
            self.is_full = True

    def _half(
        self, pack: Callable[[Fields], tuple[int, bytes]], account: bytes, columns: Fields
    ) -> Half:
        try:
            version, half = pack(columns)
        except ValueError as error:
            # An empty half cannot be decoded: the account is read from PostgreSQL, and complained
            # about, until somebody mends the row. One bad row must not stop everybody's.
            self._flawed(account.decode(), error)
            version, half = int.from_bytes(columns[0], "big"), b""
        return version, half, self._committed_from

    def deleted(self, table: str, key: bytes) -> None:
        self._billed.pop(key, None)
        self._paid.pop(key, None)
        self.gone[ACCOUNT + key] = None
        if len(self.gone) >= KEYS_MAX:
            self.is_full = True

    def truncated(self) -> None:
        self.was_truncated = True

    def committed(self, end_lsn: int, committed_at: int) -> None:
        self.is_inside = False
        self.lsn = end_lsn
        self.committed_at = committed_at

    def kept_alive(self, lsn: int) -> None:
        if not self.is_inside:
            self.lsn = max(self.lsn, lsn)


def _without_past(
    lane: dict[bytes, Half], fence: int, lacks: Callable[[bytes], bool]
) -> dict[bytes, Half]:
    return {
        account: half
        for account, half in lane.items()
        if half[2] >= fence or not lacks(ACCOUNT + account)
    }
