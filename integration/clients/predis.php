<?php // Predis: php predis.php PORT.
if (!@include 'Predis/Autoloader.php') {
    echo "no Predis\n";
    exit(77);
}
error_reporting(E_ALL & ~E_DEPRECATED);
Predis\Autoloader::register();
function same($expected, $got) {
    if ($expected !== $got) {
        throw new Exception(var_export($got, true) . ' instead of ' . var_export($expected, true));
    }
}
$r = new Predis\Client(['host' => '127.0.0.1', 'port' => (int)$argv[1]]);
$r->setex('predis:a', 100, '1');
same('1', $r->get('predis:a'));
same(true, $r->ttl('predis:a') > 0);
$replies = $r->transaction(function ($t) {
    $t->set('predis:a', '2');
    $t->incr('predis:a');
    $t->get('predis:a');
});
same([3, '3'], array_slice($replies, 1));
same('3', $r->get('predis:a'));
try {
    $r->transaction(function ($t) {
        $t->set('predis:a', 'never');
        throw new RuntimeException('left'); // DISCARD
    });
} catch (RuntimeException $left) {
}
same('3', $r->get('predis:a'));
$replies = $r->pipeline(['atomic' => true], function ($p) {
    $p->get('predis:none');
    $p->incr('predis:a');
});
same([null, 4], $replies);
same('4', $r->get('predis:a'));
