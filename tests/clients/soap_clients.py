"""SOAP clients that we did not write, each made from the WSDL that a server serves.

zeep runs here; PHP's SoapClient and node's `soap` are processes that get calls as lines of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import zeep
import zeep.exceptions
from lxml import etree
from zeep.helpers import serialize_object
from zeep.wsse.username import UsernameToken

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / ".venv" / "clients" / "node_modules"
"""Where `make clients` puts node's packages."""
_FOLDER = Path(__file__).parent
_SECONDS_MAX = 60


@dataclass(frozen=True)
class Fault:
    """A fault, by the local name of its finest code, and the code in its detail, if it has one."""

    name: str
    code: str


@dataclass(frozen=True)
class Endpoint:
    """A service as its clients know it; for a protocol with WS-Security also who they are."""

    wsdl: str
    username: str = ""
    password: str = ""
    keys: Sequence[Path] = ()
    """Our private key, a certificate of it, the server's public key: where bodies are signed."""


class Client(Protocol):
    """One client of one service."""

    def call(self, operation: str, **arguments: Any) -> Any:
        """The result as plain lists, dicts and texts; or a Fault."""

    def close(self) -> None:
        """Leaves nothing behind."""


class ZeepClient:
    """zeep, in SOAP 1.1 or, where the WSDL has a port for it, 1.2."""

    def __init__(self, endpoint: Endpoint, version: str) -> None:
        token = UsernameToken(endpoint.username, endpoint.password, use_digest=True)
        self._client = zeep.Client(endpoint.wsdl, wsse=token if endpoint.username else None)
        (made,) = self._client.wsdl.services.values()
        (port,) = [name for name in made.ports if name.endswith("12") == (version == "1.2")]
        self._proxy: Any = self._client.bind(made.name, port)

    def call(self, operation: str, **arguments: Any) -> Any:
        try:
            said = serialize_object(self._proxy[operation](**arguments), dict)
        except zeep.exceptions.Fault as fault:
            codes = [fault.code, *(each.localname for each in fault.subcodes or ())]
            detail = fault.detail
            inside = [] if detail is None else detail.iter("{*}Failure")
            return Fault(_local(codes[-1]), next((_code(each) for each in inside), ""))
        return json.loads(json.dumps(said, default=str))

    def close(self) -> None:
        self._client.transport.session.close()


def _code(failure: etree._Element) -> str:
    return failure.findtext("{*}code", "")


class ScriptClient:
    """A script that reads calls and writes what they brought."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_MODULES": str(NODE_MODULES), "NODE_NO_WARNINGS": "1"},
        )

    def call(self, operation: str, **arguments: Any) -> Any:
        sent, told = self._process.stdin, self._process.stdout
        assert sent is not None
        assert told is not None
        sent.write(json.dumps({"operation": operation, "arguments": arguments}) + "\n")
        sent.flush()
        line = told.readline()
        assert line, f"the client ended: {self._process.wait(_SECONDS_MAX)}"
        said = json.loads(line)
        if "fault" in said:
            detail = said["detail"] or {}
            return Fault(_local(said["fault"]), detail.get("Failure", {}).get("code", ""))
        return said["result"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(_SECONDS_MAX) == 0


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _php(endpoint: Endpoint, version: str) -> Client:
    script = str(_FOLDER / "client.php")
    return ScriptClient(
        "php", script, endpoint.wsdl, version, *filter(None, (endpoint.username, endpoint.password))
    )


def _node(endpoint: Endpoint, version: str) -> Client:
    script, keys = str(_FOLDER / "client.mjs"), map(str, endpoint.keys)
    who = filter(None, (endpoint.username, endpoint.password))
    return ScriptClient("node", script, endpoint.wsdl, version, *who, *keys)


CLIENTS: Mapping[str, Callable[[Endpoint, str], Client]] = {
    "zeep": ZeepClient,
    "php": _php,
    "node": _node,
}
"""By their names."""


@cache
def missing() -> frozenset[str]:
    """Those that this machine cannot run."""
    has_node = shutil.which("node") and (NODE_MODULES / "soap").is_dir()
    return frozenset(
        name for name, is_there in (("php", _has_php_soap()), ("node", has_node)) if not is_there
    )


def _has_php_soap() -> bool:
    if shutil.which("php") is None:
        return False
    said = subprocess.run(
        ["php", "-r", "exit(extension_loaded('soap') ? 0 : 1);"], check=False, capture_output=True
    )
    return said.returncode == 0
