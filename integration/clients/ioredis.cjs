// ioredis: node ioredis.cjs PORT.
const assert = require('node:assert');
let Redis;
try { Redis = require('ioredis'); } catch (missing) { console.log(missing.message.split('\n')[0]); process.exit(77); }

(async () => {
  const redis = new (Redis.default ?? Redis)({ port: Number(process.argv[2]) });
  redis.on('error', (error) => { console.error(error); process.exit(1); });
  await redis.set('ioredis:a', '1', 'EX', 100);
  assert.equal(await redis.get('ioredis:a'), '1');
  assert((await redis.ttl('ioredis:a')) > 0);
  assert.deepEqual(await redis.multi().set('ioredis:a', '2').incr('ioredis:a').get('ioredis:a').exec(),
    [[null, 'OK'], [null, 3], [null, '3']]);
  assert.equal(await redis.get('ioredis:a'), '3');
  const failed = await redis.multi().set('ioredis:a', 'x').lpush('ioredis:a', 'y').exec();
  assert.match(failed[1][0].message, /WRONGTYPE/);
  // Each command by itself, waited for.
  await redis.multi({ pipeline: false });
  assert.equal(await redis.set('ioredis:a', '5'), 'QUEUED');
  assert.equal(await redis.get('ioredis:a'), 'QUEUED');
  assert.deepEqual(await redis.exec(), [[null, 'OK'], [null, '5']]);
  await redis.multi({ pipeline: false });
  await redis.set('ioredis:a', 'never');
  assert.equal(await redis.discard(), 'OK');
  assert.equal(await redis.get('ioredis:a'), '5');
  await redis.quit();
})().catch((error) => { console.error(error); process.exit(1); });
