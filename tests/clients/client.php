<?php
// A client that PHP's SoapClient makes of a WSDL. On each line of the input a call: {"operation",
// "arguments"}; on each line of the output what it brought: {"result"} or {"fault", "detail"}.
// php client.php WSDL VERSION [USERNAME PASSWORD]: with the two, WS-Security by hand.

const OASIS = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-';

function security(string $username, string $password): SoapHeader
{
    $nonce = random_bytes(16);
    $created = gmdate('Y-m-d\TH:i:s\Z');
    $digest = base64_encode(sha1($nonce . $created . $password, true));
    $markup = '<wsse:Security xmlns:wsse="' . OASIS . 'wssecurity-secext-1.0.xsd"'
        . ' xmlns:wsu="' . OASIS . 'wssecurity-utility-1.0.xsd"><wsse:UsernameToken>'
        . '<wsse:Username>' . htmlspecialchars($username, ENT_XML1) . '</wsse:Username>'
        . '<wsse:Password Type="' . OASIS . 'username-token-profile-1.0#PasswordDigest">'
        . $digest . '</wsse:Password>'
        . '<wsse:Nonce>' . base64_encode($nonce) . '</wsse:Nonce>'
        . '<wsu:Created>' . $created . '</wsu:Created>'
        . '</wsse:UsernameToken></wsse:Security>';
    $block = new SoapVar($markup, XSD_ANYXML);
    return new SoapHeader(OASIS . 'wssecurity-secext-1.0.xsd', 'Security', $block);
}

[, $wsdl, $version, $username, $password] = $argv + [3 => '', 4 => ''];
$client = new SoapClient($wsdl, [
    'soap_version' => $version === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
]);
while (($line = fgets(STDIN)) !== false) {
    $call = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    if ($username !== '') {
        $client->__setSoapHeaders(security($username, $password));
    }
    try {
        $said = ['result' => $client->__soapCall($call['operation'], [$call['arguments']])];
    } catch (SoapFault $fault) {
        $said = ['fault' => $fault->faultcode, 'detail' => $fault->detail ?? null];
    }
    echo json_encode($said, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE), "\n";
}
