// A client that node's `soap` makes of a WSDL. On each line of the input a call: {"operation",
// "arguments"}; on each line of the output what it brought: {"result"} or {"fault", "detail"}.
//
//   node client.mjs WSDL VERSION [USERNAME PASSWORD [KEY CERTIFICATE SERVER_KEY]]
//
// With these, WS-Security: a token, and bodies signed both ways. NODE_MODULES says where `soap` is.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const load = createRequire(`${process.env.NODE_MODULES}/`);
const soap = load("soap");
const [wsdl, version, username, password, ...files] = process.argv.slice(2);
const [key, certificate, serverKey] = files.map((name) => readFileSync(name, "utf8"));

function security() {
  const token = new soap.WSSecurity(username, password, {
    passwordType: "PasswordDigest",
    hasTimeStamp: false,
    mustUnderstand: true,
  });
  if (!key) return token;
  const signature = new soap.WSSecurityCert(key, certificate, "", {
    hasTimeStamp: false,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
    signerOptions: { idMode: "wssecurity" },
  });
  return new soap.WSSecurityPlusCert(token, signature);
}

function requireSigned(text) {
  const { SignedXml } = load("xml-crypto");
  const signature = new SignedXml({ publicCert: serverKey, idMode: "wssecurity" });
  signature.loadSignature(text.match(/<ds:Signature .*<\/ds:Signature>/s)[0]);
  if (!signature.checkSignature(text)) throw new Error("the answer's signature does not hold");
  const [signed] = signature.getSignedReferences();
  if (!/^<soapenv:Body /.test(signed)) throw new Error("something else is signed than the Body");
}

const client = await soap.createClientAsync(wsdl, { forceSoap12Headers: version === "1.2" });
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  if (username) client.setSecurity(security());
  let said;
  try {
    const [result] = await client[`${call.operation}Async`](call.arguments);
    said = { result };
  } catch (error) {
    const fault = error.root?.Envelope?.Body?.Fault;
    if (!fault) throw error;
    const code = fault.faultcode ?? fault.Code.Subcode?.Value ?? fault.Code.Value;
    said = { fault: code, detail: fault.detail ?? fault.Detail };
  }
  if (serverKey) requireSigned(client.lastResponse);
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
