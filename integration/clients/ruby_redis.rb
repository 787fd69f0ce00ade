# redis-rb: ruby ruby_redis.rb PORT.
begin
  require 'redis'
rescue LoadError => missing
  puts missing
  exit 77
end

def same(expected, got)
  raise "#{got.inspect} instead of #{expected.inspect}" unless expected == got
end
r = Redis.new(port: ARGV[0].to_i)
same('OK', r.set('ruby:a', '1', ex: 100))
same('1', r.get('ruby:a'))
same(true, r.ttl('ruby:a').positive?)
same(['OK', 3, '3'], r.multi { |t| t.set('ruby:a', '2'); t.incr('ruby:a'); t.get('ruby:a') })
same('3', r.get('ruby:a'))
begin
  r.multi { |t| t.set('ruby:a', 'x'); t.lpush('ruby:a', 'y') }
  raise 'an error inside the transaction is not raised'
rescue Redis::CommandError => error
  same('WRONGTYPE', error.message.split.first)
end
same(['x', nil], r.mget('ruby:a', 'ruby:none'))
