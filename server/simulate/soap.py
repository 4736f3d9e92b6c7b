"""SOAP as a stranger speaks it: zeep writes requests and reads answers, from the WSDL served.

What a protocol's client side says is taken apart by the types of the WSDL and put together anew, so
that nothing we write ourselves is read by ourselves. Headers are left as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import zeep
import zeep.exceptions
from lxml import etree
from zeep.transports import Transport

from server.protocols import Response
from server.protocols.agents_side import Exchange

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


class _InMemory(Transport):
    """The description that was fetched before, whatever is asked for."""

    def __init__(self, description: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._description = description

    def load(self, url: str) -> bytes:
        return self._description


class Stub:
    """What zeep makes of a WSDL."""

    def __init__(self, description: bytes) -> None:
        client = zeep.Client(  # type: ignore[no-untyped-call]
            "memory:wsdl", transport=_InMemory(description)
        )
        self._operations: dict[str, Any] = {}
        for service in client.wsdl.services.values():
            for port in service.ports.values():
                self._add(port.binding._operations)

    def _add(self, operations: Mapping[str, Any]) -> None:
        for operation in operations.values():
            self._operations.setdefault(str(operation.input.body.qname), operation)

    def written(self, exchange: Exchange) -> Exchange:
        """The same request as zeep writes it; one that is signed is left alone."""
        envelope = etree.fromstring(exchange.body, _PARSER)
        if envelope.find(f".//{_SIGNATURE}") is not None:
            return exchange
        namespace = etree.QName(envelope).namespace
        body = envelope.find(f"{{{namespace}}}Body")
        assert body is not None
        operation = self._operations[str(body[0].tag)]
        said = operation.input.deserialize(envelope)
        made = operation.create(**{name: said[name] for name in said}).content
        header = envelope.find(f"{{{namespace}}}Header")
        if header is not None and len(header):
            made.insert(0, copy.deepcopy(header))
        return replace(exchange, body=etree.tostring(made, xml_declaration=True, encoding="utf-8"))

    def fault(self, exchange: Exchange, response: Response) -> str:
        """Why zeep cannot read the answer; empty when it can, or it is no plain success."""
        if response.status != 200:
            return ""
        try:
            request = etree.fromstring(exchange.body, _PARSER)
            body = request.find(f"{{{etree.QName(request).namespace}}}Body")
            assert body is not None
            operation = self._operations[str(body[0].tag)]
            operation.process_reply(etree.fromstring(response.body, _PARSER))
        except (zeep.exceptions.Error, etree.XMLSyntaxError, ValueError) as error:
            return f"zeep cannot read the answer: {error}"
        return ""
