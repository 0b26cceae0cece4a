<?php
// Four calls a request: curl's easy handle for the first two, its multi handle for the last two.
$id = explode('/', $_SERVER['REQUEST_URI'])[2];
$base = 'http://127.0.0.1:' . getenv('CALLEE') . "/down/$id";

function handle($url, $fresh)
{
    $handle = curl_init($url);
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($handle, CURLOPT_FRESH_CONNECT, $fresh);
    return $handle;
}

$handle = handle("$base/1", false);
curl_exec($handle);
$database = fsockopen('127.0.0.1', (int) getenv('DATABASE'));
fwrite($database, "PING $id\n");
fgets($database);
fclose($database);
curl_setopt($handle, CURLOPT_URL, "$base/2");
curl_exec($handle);
$both = curl_multi_init();
curl_multi_add_handle($both, handle("$base/3", false));
curl_multi_add_handle($both, handle("$base/4", true));
do {
    curl_multi_exec($both, $running);
    curl_multi_select($both);
} while ($running > 0);
header('Content-Length: 2');
echo 'ok';
