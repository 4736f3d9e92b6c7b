"""What every protocol must keep, whatever its bytes look like; a new folder is tested by itself."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import server.protocols
from server.agent_faults import COMMON_SETTINGS
from server.messages import (
    AccountChecked,
    Command,
    Outcome,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    PaymentState,
    PaymentStatus,
    RefusedOutcome,
)
from server.protocols import (
    UNAVAILABLE,
    Codec,
    Operation,
    Request,
    Response,
    load,
    setting_faults,
    signatures,
)
from server.protocols.facts import Facts, Proof
from server.refusals import Refusal, Refused
from tests.protocols.junk import junk_requests, mutated, outcomes
from tests.protocols.vectors import Vector, load_vectors, make_agent

FOLDER = Path(server.protocols.__file__).parent
CODECS = tuple(load().values())
VECTORS = load_vectors()
CORE_SETTINGS = {setting.name for setting in COMMON_SETTINGS}
DEMO_KEYS = {
    *("name", "title", "protocol", "zone", "allow_list", "limits", "settings", "secrets"),
    "key_pairs",
}

every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def understand(codec: Codec, request: Request, secrets: dict[str, str]) -> Command | Refusal:
    try:
        codec.verify(request, secrets, request.received_at)
        return codec.decode(request)
    except Refused as refused:
        return refused.refusal


def answer(codec: Codec, request: Request, outcome: Outcome, secrets: dict[str, str]) -> Response:
    return codec.sign(request, codec.encode(request, outcome), secrets)


def is_unavailable(codec: Codec, operation: Operation, refusal: Refusal) -> bool:
    return codec.codes[operation, refusal].status == UNAVAILABLE.status


def is_success(operation: Operation, outcome: Outcome) -> bool:
    """Whether the outcome is what was asked for, and good news."""
    match operation, outcome:
        case (Operation.PAY | Operation.CONFIRM, PaymentAccepted(payment)) | (
            Operation.STATUS,
            PaymentStatus(payment),
        ):
            return payment.state is PaymentState.CREDITED
        case Operation.HOLD, PaymentHeld(payment):
            return payment.state is PaymentState.HELD
        case (Operation.CHECK, AccountChecked()) | (Operation.CANCEL, PaymentCancelled()):
            return True
        case _:
            return False


# --- code tables ------------------------------------------------------------------------------


@every_codec
def test_every_refusal_of_every_operation_has_a_code(codec: Codec) -> None:
    wanted = {(operation, refusal) for operation in codec.operations for refusal in Refusal}
    assert set(codec.codes) == wanted
    assert Operation.UNKNOWN in codec.operations


@every_codec
def test_no_refusal_has_a_code_that_means_success(codec: Codec) -> None:
    refused = {code.code for code in codec.codes.values()}
    assert codec.ok
    assert codec.ok not in refused
    assert codec.duplicate not in refused or not codec.duplicate
    assert codec.ok not in codec.repeatable


@every_codec
def test_after_a_final_refusal_no_network_repeats(codec: Codec) -> None:
    final = [(operation, refusal) for operation, refusal in codec.codes if refusal.final]
    for operation, refusal in final:
        assert codec.codes[operation, refusal].code not in codec.repeatable, (operation, refusal)
        assert not is_unavailable(codec, operation, refusal), (operation, refusal)


@every_codec
def test_after_try_later_the_network_repeats(codec: Codec) -> None:
    for operation in codec.operations:
        code = codec.codes[operation, Refusal.TRY_LATER]
        unavailable = is_unavailable(codec, operation, Refusal.TRY_LATER)
        assert code.code in codec.repeatable or unavailable, operation


@every_codec
def test_codes_are_written_in_the_table_only(codec: Codec) -> None:
    codes = {code.code for code in codec.codes.values()} | {codec.ok, codec.duplicate}
    literal = re.compile(rf"""["']({"|".join(re.escape(code) for code in codes if code)})["']""")
    for module in (FOLDER / codec.name).glob("*.py"):
        if module.name != "codes.py":
            assert literal.findall(module.read_text("utf-8")) == [], module.name


# --- the folder -------------------------------------------------------------------------------


@every_codec
def test_the_readme_names_the_source_and_what_is_missing(codec: Codec) -> None:
    text = (FOLDER / codec.name / "README.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (.+)\n([^#]+)", text, re.MULTILINE))
    for title in ("Source", "Repeats", "Not supported"):
        assert sections.get(title, "").strip(), title


@every_codec
def test_the_readme_describes_every_setting(codec: Codec) -> None:
    text = (FOLDER / codec.name / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|(.+)$", text, re.MULTILINE))
    for setting in codec.settings:
        assert setting.name in rows
        for value in (setting.default, *setting.choices):
            assert f"`{value}`" in rows[setting.name], setting.name


@every_codec
def test_every_default_is_a_choice(codec: Codec) -> None:
    for setting in codec.settings:
        assert setting.fault(setting.default) == ""


@every_codec
def test_a_misspelt_setting_is_found(codec: Codec) -> None:
    (fault,) = setting_faults(codec, {"no_such_setting": "on"})
    assert "no_such_setting" in fault
    for setting in codec.settings:
        faults = setting_faults(codec, {setting.name: "no such value"})
        assert len(faults) == bool(setting.choices or setting.pattern)


@every_codec
def test_no_protocol_takes_a_setting_that_every_agent_has(codec: Codec) -> None:
    assert not {setting.name for setting in codec.settings} & CORE_SETTINGS


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*/demo*.toml")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_the_demo_agent_is_complete(path: Path) -> None:
    demo = tomllib.loads(path.read_text("utf-8"))
    assert not demo.keys() - DEMO_KEYS
    codec = load()[demo.get("protocol", path.parent.name)]
    assert codec.name == path.parent.name
    assert demo["title"]
    assert demo["zone"] in available_timezones()
    assert demo["limits"] == {"amount_min_kopecks": 100, "amount_max_kopecks": 1_500_000}
    assert all(ip_network(network).is_loopback for network in demo["allow_list"])
    assert demo["allow_list"]
    assert setting_faults(codec, demo.get("settings", {}), CORE_SETTINGS) == ()
    assert all(isinstance(secret, str) for secret in demo.get("secrets", {}).values())
    assert demo.get("key_pairs", False) in (False, True)


@every_codec
def test_every_protocol_has_a_demo_agent(codec: Codec) -> None:
    assert (FOLDER / codec.name / "demo.toml").exists()


# --- what is known of it ----------------------------------------------------------------------


def facts_of(codec: Codec) -> Facts:
    assert codec.facts is not None, f"{codec.name}: its codec has no facts"
    return codec.facts


@every_codec
def test_the_facts_name_the_secrets_of_an_agent(codec: Codec) -> None:
    shown: set[str] = set()
    for path in (FOLDER / codec.name).glob("demo*.toml"):
        demo = tomllib.loads(path.read_text("utf-8"))
        pairs = signatures.KEY_PAIRS if demo.get("key_pairs", False) else ()
        used, facts = {*demo.get("secrets", {}), *pairs}, facts_of(codec)
        assert set(facts.secrets) <= used <= {*facts.secrets, *facts.more_secrets}
        shown |= used
    assert shown == {*facts_of(codec).secrets, *facts_of(codec).more_secrets}


@every_codec
def test_a_protocol_that_proves_nothing_verifies_nothing(codec: Codec) -> None:
    facts, unproven = facts_of(codec), Codec.__dataclass_fields__["verify"].default
    assert (codec.verify is unproven) is (facts.proofs == (Proof.NONE,))
    assert bool(facts.secrets) is (facts.proofs != (Proof.NONE,))


@every_codec
def test_the_facts_name_the_encodings_of_its_vectors(codec: Codec) -> None:
    facts, seen = facts_of(codec), {"utf-8"}
    for vector in VECTORS:
        if vector.protocol != codec.name:
            continue
        if not isinstance(vector.meaning, Refusal):
            seen.update(_DECLARED.findall(vector.request.body[:100].decode("latin-1").lower()))
        seen.add(vector.request.agent.setting("encoding", facts.encodings[0]))
        for reply in vector.replies:
            response = answer(codec, vector.request, reply.outcome, dict(vector.secrets))
            assert reply.status == UNAVAILABLE.status or can_be_read(response, facts)
            seen.update(_CHARSET.findall(response.content_type))
    assert seen <= {*facts.encodings, "utf-8"}
    assert set(facts.encodings) <= seen
    for setting in codec.settings:
        if setting.name == "encoding":
            assert setting.default == facts.encodings[0]
            assert set(setting.choices) == set(facts.encodings)


_CHARSET = re.compile("charset=([a-z0-9-]+)")
_DECLARED = re.compile("""<[?]xml[^>]*encoding=["']([a-z0-9-]+)["']""")


def can_be_read(response: Response, facts: Facts) -> bool:
    """Whether the body is text in an encoding of the protocol."""
    charset = _CHARSET.search(response.content_type)
    encoding = charset[1] if charset else facts.encodings[0]
    return bool(response.body.decode(encoding))


# --- vectors ----------------------------------------------------------------------------------


@every_codec
def test_every_operation_has_a_vector(codec: Codec) -> None:
    shown = {vector.operation for vector in VECTORS if vector.protocol == codec.name}
    assert shown == codec.operations


@every_codec
def test_some_vectors_come_from_the_source(codec: Codec) -> None:
    origins = {vector.origin for vector in VECTORS if vector.protocol == codec.name}
    assert origins - {"own"}


def test_every_vector_belongs_to_a_protocol() -> None:
    assert {vector.protocol for vector in VECTORS} <= set(load())


@every_vector
def test_the_request_is_understood_as_the_vector_says(vector: Vector) -> None:
    codec = load()[vector.protocol]
    assert setting_faults(codec, vector.request.agent.settings, CORE_SETTINGS) == ()
    assert understand(codec, vector.request, dict(vector.secrets)) == vector.meaning


@every_vector
def test_the_answers_are_the_vectors_bytes(vector: Vector) -> None:
    codec = load()[vector.protocol]
    for reply in vector.replies:
        response = answer(codec, vector.request, reply.outcome, dict(vector.secrets))
        assert response.body.decode("utf-8", "backslashreplace") == reply.body.decode(
            "utf-8", "backslashreplace"
        )
        assert response.status == reply.status
        assert reply.content_type in (None, response.content_type)


@every_vector
def test_a_repeat_is_the_same_bytes_whenever_it_comes(vector: Vector) -> None:
    codec, secrets = load()[vector.protocol], dict(vector.secrets)
    later = replace(vector.request, received_at=vector.request.received_at + dt.timedelta(days=40))
    for reply in vector.replies:
        if isinstance(reply.outcome, PaymentAccepted | PaymentHeld | PaymentCancelled):
            first = answer(codec, vector.request, reply.outcome, secrets)
            assert answer(codec, later, reply.outcome, secrets) == first


# --- junk -------------------------------------------------------------------------------------


@every_codec
@settings(max_examples=300)
@given(data=st.data())
def test_junk_is_a_command_or_a_refusal(codec: Codec, data: st.DataObject) -> None:
    request = data.draw(junk_requests(make_agent(codec.name)))
    assert isinstance(understand(codec, request, {}), Command | Refusal)


@every_codec
@pytest.mark.parametrize(
    "piece", [b"a", b"<a>", b"[", b"<?xml?>", b"<params>", b"<Sign>0", b"a=1&", b"--\r\n", b"%00"]
)
def test_a_flood_is_refused(codec: Codec, piece: bytes) -> None:
    """Far more than the transport lets through; nothing in it may take longer than reading it."""
    body = piece * (10_000_000 // len(piece))
    agent = make_agent(codec.name)
    request = Request("POST", "/", "", {}, body, agent, dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    assert isinstance(understand(codec, request, {"secret": "x", "salt": "x"}), Refusal)
    with pytest.raises(Refused):
        codec.decode(request)


@every_codec
@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_request_is_a_command_or_a_refusal(codec: Codec, data: st.DataObject) -> None:
    own = [vector for vector in VECTORS if vector.protocol == codec.name]
    vector = data.draw(st.sampled_from(own))
    request = data.draw(mutated(vector.request))
    assert isinstance(understand(codec, request, dict(vector.secrets)), Command | Refusal)


@every_codec
@given(data=st.data())
def test_every_outcome_has_an_answer_to_every_request(codec: Codec, data: st.DataObject) -> None:
    own = [vector for vector in VECTORS if vector.protocol == codec.name]
    vector = data.draw(st.sampled_from(own))
    request = data.draw(
        st.one_of(
            st.just(vector.request), mutated(vector.request), junk_requests(vector.request.agent)
        )
    )
    outcome = data.draw(outcomes())
    response = answer(codec, request, outcome, dict(vector.secrets))
    if response.status == UNAVAILABLE.status:
        assert response.body == b""
    elif "xml" in response.content_type:
        etree.fromstring(response.body, etree.XMLParser(resolve_entities=False))


@every_vector
def test_a_final_refusal_never_reads_as_success_or_as_try_later(vector: Vector) -> None:
    """Bytes of a refusal differ from those of every success, and final ones from try later."""
    codec, secrets = load()[vector.protocol], dict(vector.secrets)

    def said(outcome: Outcome) -> Response:
        return answer(codec, vector.request, outcome, secrets)

    successes = [
        said(reply.outcome)
        for reply in vector.replies
        if is_success(vector.operation, reply.outcome)
    ]
    later = said(RefusedOutcome(Refusal.TRY_LATER))
    for refusal in Refusal:
        refused = said(RefusedOutcome(refusal))
        assert refused not in successes
        assert (refused == later) is not refusal.final
