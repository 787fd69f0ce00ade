// node-redis: node node_redis.cjs PORT.
const assert = require('node:assert');
let redis;
try { redis = require('redis'); } catch (missing) { console.log(missing.message.split('\n')[0]); process.exit(77); }

(async () => {
  const client = redis.createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
  client.on('error', (error) => { console.error(error); process.exit(1); });
  await client.connect();
  await client.set('node-redis:a', '1', { EX: 100 });
  assert.equal(await client.get('node-redis:a'), '1');
  assert((await client.ttl('node-redis:a')) > 0);
  assert.deepEqual(await client.multi().set('node-redis:a', '2').incr('node-redis:a').get('node-redis:a').exec(),
    ['OK', 3, '3']);
  assert.equal(await client.get('node-redis:a'), '3');
  await assert.rejects(client.multi().set('node-redis:a', 'x').lPush('node-redis:a', 'y').exec());
  assert.deepEqual(await client.mGet(['node-redis:a', 'node-redis:none']), ['x', null]);
  // Others' commands go between, on the same connection.
  const both = await Promise.all([client.multi().set('node-redis:b', '1').exec(), client.get('node-redis:a'),
    client.multi().get('node-redis:b').exec()]);
  assert.deepEqual(both, [['OK'], 'x', ['1']]);
  await client.quit?.();
})().catch((error) => { console.error(error); process.exit(1); });
