<?php // phpredis: php phpredis.php PORT. It waits for each answer inside MULTI.
if (!class_exists('Redis')) {
    echo "no extension redis\n";
    exit(77);
}
function same($expected, $got) {
    if ($expected !== $got) {
        throw new Exception(var_export($got, true) . ' instead of ' . var_export($expected, true));
    }
}
$r = new Redis();
$r->connect('127.0.0.1', (int)$argv[1]);
same(true, $r->setex('phpredis:a', 100, '1'));
same('1', $r->get('phpredis:a'));
same(true, $r->ttl('phpredis:a') > 0);
same([true, 3, '3'], $r->multi()->set('phpredis:a', '2')->incr('phpredis:a')->get('phpredis:a')->exec());
same('3', $r->get('phpredis:a'));
same([true, '4'], $r->multi(Redis::PIPELINE)->set('phpredis:a', '4')->get('phpredis:a')->exec());
$r->multi()->set('phpredis:a', 'never');
same(true, $r->discard());
same('4', $r->get('phpredis:a'));
same([true, false], $r->multi()->set('phpredis:a', 'x')->lPush('phpredis:a', 'y')->exec());
same(['x', false], $r->mGet(['phpredis:a', 'phpredis:none']));
