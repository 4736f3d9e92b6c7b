"""Signed protocols: what is signed cannot be changed, and every wrong signature looks the same."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.messages import Cancel, Command, Confirm, RefusedOutcome
from server.protocols import load, setting_faults
from server.protocols.signatures import AGENT_PUBLIC_KEY
from server.refusals import Refusal, Refused
from tests.protocols.junk import mutated
from tests.protocols.vectors import Vector, load_keys, load_vectors

SIGNED = ("cyberplat", "elecsnet", "easypay", "ckassa", "click", "erip", "post")
WITH_KEY_PAIRS = ("cyberplat", "elecsnet", "easypay", "post")


def _is_signed_in_soap_11(vector: Vector) -> bool:
    """A post office signs where that is agreed; a fault of SOAP 1.2 is written otherwise."""
    signature = vector.request.agent.settings.get("signature")
    return signature == "required" and not vector.case.endswith("soap12")


GENUINE = {
    name: [
        vector
        for vector in load_vectors()
        if vector.protocol == name
        and not isinstance(vector.meaning, Refusal)
        # Over texts alone the signature does not say where one of them ends.
        and vector.request.agent.settings.get("signed") != "text"
        and (name != "post" or _is_signed_in_soap_11(vector))
    ]
    for name in SIGNED
}

every_signed = pytest.mark.parametrize("name", SIGNED)


def verify_and_decode(vector: Vector) -> Command | Refusal:
    codec = load()[vector.protocol]
    try:
        codec.verify(vector.request, dict(vector.secrets), vector.request.received_at)
        return codec.decode(vector.request)
    except Refused as refused:
        return refused.refusal


def refused_as(vector: Vector, secrets: dict[str, str]) -> tuple[Refusal, str, str]:
    with pytest.raises(Refused) as refused:
        load()[vector.protocol].verify(vector.request, secrets, vector.request.received_at)
    return refused.value.refusal, refused.value.detail, refused.value.field


def unsigned_part(command: Command | Refusal) -> Command | Refusal:
    """Click's `error` is not signed: by itself it makes a Cancel of a Confirm, and back."""
    if isinstance(command, Cancel | Confirm):
        return Confirm(command.agent_payment_id, command.payment_id, command.expected)
    return command


@every_signed
@settings(max_examples=400)
@given(data=st.data())
def test_no_change_of_a_signed_request_means_something_else(name: str, data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(GENUINE[name]))
    changed = replace(vector, request=data.draw(mutated(vector.request)))
    understood = verify_and_decode(changed)
    if isinstance(understood, Refusal):
        return
    if name == "click":
        assert unsigned_part(understood) == unsigned_part(vector.meaning)
    else:
        assert understood == vector.meaning


@every_signed
def test_every_wrong_secret_is_refused_alike(name: str) -> None:
    told = set()
    for vector in GENUINE[name]:
        genuine = dict(vector.secrets)
        told.add(refused_as(vector, {}))
        told |= {refused_as(vector, genuine | {key: ""}) for key in checked_with(genuine)}
        told |= {refused_as(vector, genuine | {key: "other"}) for key in checked_with(genuine)}
    assert told == {(Refusal.NOT_AUTHENTIC, "the signature", "")}


def checked_with(secrets: dict[str, str]) -> set[str]:
    return secrets.keys() - {"server_private_key"}


@pytest.mark.parametrize("name", WITH_KEY_PAIRS)
def test_another_agents_key_is_refused(name: str) -> None:
    for vector in GENUINE[name]:
        secrets = dict(vector.secrets) | {AGENT_PUBLIC_KEY: load_keys()["server_public_key"]}
        assert refused_as(vector, secrets) == (Refusal.NOT_AUTHENTIC, "the signature", "")


@pytest.mark.parametrize("name", WITH_KEY_PAIRS)
def test_without_a_key_of_ours_nothing_goes_out_unsigned(name: str) -> None:
    codec = load()[name]
    vector = GENUINE[name][0]
    response = codec.encode(vector.request, RefusedOutcome(Refusal.ACCOUNT_NOT_FOUND))
    for secrets in ({}, {"server_private_key": "not a key"}):
        with pytest.raises(ValueError, match=r"."):
            codec.sign(vector.request, response, secrets)


def test_every_answer_of_erip_is_signed_in_its_header() -> None:
    codec = load()["erip"]
    for vector in GENUINE["erip"]:
        for reply in vector.replies:
            secrets = dict(vector.secrets)
            response = codec.sign(
                vector.request, codec.encode(vector.request, reply.outcome), secrets
            )
            if response.status == 503:
                assert response.headers == ()
                continue
            salted = secrets["salt"].encode() + response.body
            digest = hashlib.md5(salted, usedforsecurity=False).hexdigest()
            assert response.headers == (("ServiceProvider-Signature", f"SALT+MD5: {digest}"),)


@pytest.mark.parametrize(
    ("codes", "good"),
    [
        ("", True),
        ("PAYMENT_CONFLICT=140", True),
        ("PAYMENT_CONFLICT=140 ACCOUNT_CLOSED=-7", True),
        ("PAYMENT_CONFLICT=0", False),
        ("ACCOUNT_CLOSED=7 PAYMENT_CONFLICT=0", False),
        ("PAYMENT_CONFLICT=-3", False),
        ("PAYMENT_CONFLICT=-3 ACCOUNT_CLOSED=7", False),
        ("TRY_LATER=7", False),
        ("NO_SUCH_REFUSAL=7", False),
        ("PAYMENT_CONFLICT", False),
    ],
)
def test_an_agents_own_codes_never_mean_success_or_a_repeat(codes: str, good: bool) -> None:
    assert (setting_faults(load()["cyberplat"], {"codes": codes}) == ()) is good


def test_the_genuine_vectors_are_genuine() -> None:
    for vectors in GENUINE.values():
        assert len(vectors) > 5
        assert all(verify_and_decode(vector) == vector.meaning for vector in vectors)


@every_signed
def test_nobody_else_learns_what_a_wrongly_signed_request_would_have_met(name: str) -> None:
    """The answer to a forged request says the same for every account, sum and operation."""
    codec = load()[name]
    answers = set()
    for vector in GENUINE[name]:
        if vector.request.agent.settings != GENUINE[name][0].request.agent.settings:
            continue
        response = codec.encode(vector.request, RefusedOutcome(Refusal.NOT_AUTHENTIC))
        answers.add(
            re.sub(rb'"(click|merchant)_trans_id":("(?:[^"\\]|\\.)*"|\d+),', b"", response.body)
        )
    assert len(answers) == 1
