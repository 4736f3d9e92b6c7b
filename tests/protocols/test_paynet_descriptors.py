"""What Paynet is handed about a service says what the server takes and shows."""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree

from server.accounts import is_account_number
from server.cli.agent import write_files
from server.protocols.paynet.descriptors import FILES
from server.protocols.paynet.reply import information
from tests.protocols.vectors import load_accounts, make_agent

AGENT = make_agent("paynet", service_ids="1, 25", account_key="ls", terminal_key="term")


def descriptors(name: str) -> list[dict[str, str]]:
    root = etree.fromstring(FILES[name](AGENT))
    assert str(root.tag) == name.removesuffix(".xml")
    rows = [
        {str(child.tag): child.text or "" for child in row}
        for row in root.iterchildren("parameters")
    ]
    assert root.findtext("count") == str(len(rows))
    return rows


def test_a_check_needs_the_account_of_every_service() -> None:
    rows = descriptors("GetInformationArgumentsDescriptorList.xml")
    assert [(row["srv_id"], row["name"], row["order"]) for row in rows] == [
        ("1", "ls", "1"),
        ("25", "ls", "1"),
    ]
    assert list(rows[0]) == [
        *("srv_id", "name", "type", "validator", "length"),
        *("caption_ru", "caption_uz", "required", "visible", "order"),
    ]


def test_a_payment_may_name_its_terminal() -> None:
    rows = descriptors("PerformTransactionArgumentsDescriptorList.xml")
    shown = [(row["name"], row["required"], row["visible"], row["order"]) for row in rows[:2]]
    assert shown == [("ls", "true", "true", "1"), ("term", "false", "false", "2")]
    assert "validator" not in rows[1]


def test_the_validator_takes_what_the_server_takes() -> None:
    row = descriptors("GetInformationArgumentsDescriptorList.xml")[0]
    for text in ("1004217", "0000042", "СЧ-1", "1" * 30, "1" * 31, "", "100 42"):
        assert (re.search(row["validator"], text) is not None) is is_account_number(text), text
    assert row["length"] == "30"


def test_the_answer_has_what_is_announced() -> None:
    announced = [row["name"] for row in descriptors("GetInformationResultDescriptorList.xml")][:3]
    answered = re.findall("<paramKey>([^<]+)", information(load_accounts()["1004217"], AGENT))
    assert announced == answered[:3] == ["balance", "name", "address"]


def test_the_files_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    written = write_files(AGENT, tmp_path / "paynet")
    assert {path.name: path.read_bytes() for path in written} == {
        name: make(AGENT) for name, make in FILES.items()
    }
    assert write_files(make_agent("sber"), tmp_path / "sber") == []
    assert not (tmp_path / "sber").exists()
