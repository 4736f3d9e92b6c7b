<?php
// A check answered by PHP: the account's part of the answer lies in Redis, ready made.
$redis = new Redis();
$redis->pconnect(getenv('STORE_HOST'), (int) getenv('STORE_PORT'), 5.0, 'bench');
try {
    $rest = $redis->get('p:' . $_GET['account']);
} catch (RedisException $error) {
    // A persistent connection needs the password once, not at every request.
    $redis->auth(getenv('STORE_PASSWORD'));
    $rest = $redis->get('p:' . $_GET['account']);
}
if ($rest === false) {
    http_response_code(503);
    exit;
}
$answer = '<?xml version="1.0" encoding="UTF-8"?>' . "\n<response><osmp_txn_id>" . $_GET['txn_id']
    . '</osmp_txn_id>' . $rest;
header('Content-Type: text/xml; charset=utf-8');
header('Content-Length: ' . strlen($answer));
echo $answer;
