"""The JSON of the kiosk's API: what comes in and what goes out."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

_READINGS_MAX = 20

# --- what comes in ----------------------------------------------------------------------------


class ReadingSent(msgspec.Struct, frozen=True):
    """A meter's reading as the payer typed it, such as `222` or `222.5`."""

    meter: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    reading: Annotated[str, msgspec.Meta(max_length=13)]


class PaymentSent(msgspec.Struct, frozen=True):
    """A payment whose money is already in the kiosk; the id is made once per payment attempt."""

    agent_payment_id: Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z-]{8,64}$")]
    account: Annotated[str, msgspec.Meta(max_length=64)]
    amount_kopecks: Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]
    paid_at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    readings: Annotated[list[ReadingSent], msgspec.Meta(max_length=_READINGS_MAX)] = []


# --- what goes out ----------------------------------------------------------------------------


class ServiceShown(msgspec.Struct, frozen=True):
    """The debt for one service; negative when paid ahead."""

    service: str
    name: str
    debt_kopecks: int


class MeterShown(msgspec.Struct, frozen=True):
    """A meter for which a reading can be given."""

    meter: str
    service: str
    service_name: str
    unit: str
    last_reading: str | None
    last_date: dt.date | None


class LimitsShown(msgspec.Struct, frozen=True):
    """What one payment may be."""

    min_kopecks: int
    max_kopecks: int


class AccountShown(msgspec.Struct, frozen=True):
    """An account that takes payments, personal data masked; the services add up to the debt."""

    account: str
    state: str
    holder: str
    address: str
    debt_kopecks: int
    services: list[ServiceShown]
    meters: list[MeterShown]
    limits: LimitsShown


class ReadingJudged(msgspec.Struct, frozen=True):
    """What became of a reading; `reason` is a refusal's name."""

    meter: str
    accepted: bool
    reason: str | None


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt prints; `qr` is the text of its QR code."""

    payment_id: int
    account: str
    amount_kopecks: int
    paid_at: dt.datetime
    recorded_at: dt.datetime
    agent: str
    qr: str


class PaymentShown(msgspec.Struct, frozen=True):
    """A recorded payment. Equal for every repeat, but for `repeated`."""

    payment_id: int
    agent_payment_id: str
    account: str
    amount_kopecks: int
    recorded_at: dt.datetime
    repeated: bool
    state: str
    readings: list[ReadingJudged]
    receipt: Receipt
