#include "resp/command_names.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace rp::resp {
namespace {

constexpr size_t kMaxShownBytes = 128;

static_assert(
    [] {
      for (size_t i = 0; i < kCommands.size(); ++i) {
        if (static_cast<size_t>(kCommands[i].id) != i) return false;
      }
      return true;
    }(),
    "kCommands is in the order of CommandName");

// Sorted.
constexpr auto kOtherCommands = std::to_array<std::string_view>({"acl",
                                                                 "append",
                                                                 "asking",
                                                                 "bgrewriteaof",
                                                                 "bgsave",
                                                                 "bitcount",
                                                                 "bitfield",
                                                                 "bitfield_ro",
                                                                 "bitop",
                                                                 "bitpos",
                                                                 "blmove",
                                                                 "blmpop",
                                                                 "blpop",
                                                                 "brpop",
                                                                 "brpoplpush",
                                                                 "bzmpop",
                                                                 "bzpopmax",
                                                                 "bzpopmin",
                                                                 "cluster",
                                                                 "copy",
                                                                 "debug",
                                                                 "decr",
                                                                 "decrby",
                                                                 "del",
                                                                 "discard",
                                                                 "dump",
                                                                 "eval",
                                                                 "eval_ro",
                                                                 "evalsha",
                                                                 "evalsha_ro",
                                                                 "exec",
                                                                 "expire",
                                                                 "expireat",
                                                                 "failover",
                                                                 "fcall",
                                                                 "fcall_ro",
                                                                 "flushall",
                                                                 "flushdb",
                                                                 "function",
                                                                 "geoadd",
                                                                 "geodist",
                                                                 "geohash",
                                                                 "geopos",
                                                                 "georadius",
                                                                 "georadius_ro",
                                                                 "georadiusbymember",
                                                                 "georadiusbymember_ro",
                                                                 "geosearch",
                                                                 "geosearchstore",
                                                                 "getbit",
                                                                 "getdel",
                                                                 "getex",
                                                                 "getset",
                                                                 "hdel",
                                                                 "hexists",
                                                                 "hget",
                                                                 "hgetall",
                                                                 "hincrby",
                                                                 "hincrbyfloat",
                                                                 "hkeys",
                                                                 "hlen",
                                                                 "hmget",
                                                                 "hmset",
                                                                 "hrandfield",
                                                                 "hscan",
                                                                 "hset",
                                                                 "hsetnx",
                                                                 "hstrlen",
                                                                 "hvals",
                                                                 "incr",
                                                                 "incrby",
                                                                 "incrbyfloat",
                                                                 "keys",
                                                                 "lastsave",
                                                                 "latency",
                                                                 "lcs",
                                                                 "lindex",
                                                                 "linsert",
                                                                 "llen",
                                                                 "lmove",
                                                                 "lmpop",
                                                                 "lolwut",
                                                                 "lpop",
                                                                 "lpos",
                                                                 "lpush",
                                                                 "lpushx",
                                                                 "lrange",
                                                                 "lrem",
                                                                 "lset",
                                                                 "ltrim",
                                                                 "memory",
                                                                 "migrate",
                                                                 "module",
                                                                 "monitor",
                                                                 "move",
                                                                 "mset",
                                                                 "msetnx",
                                                                 "multi",
                                                                 "object",
                                                                 "persist",
                                                                 "pexpire",
                                                                 "pexpireat",
                                                                 "pfadd",
                                                                 "pfcount",
                                                                 "pfdebug",
                                                                 "pfmerge",
                                                                 "pfselftest",
                                                                 "psetex",
                                                                 "psubscribe",
                                                                 "psync",
                                                                 "publish",
                                                                 "pubsub",
                                                                 "punsubscribe",
                                                                 "randomkey",
                                                                 "readonly",
                                                                 "readwrite",
                                                                 "rename",
                                                                 "renamenx",
                                                                 "replconf",
                                                                 "replicaof",
                                                                 "restore",
                                                                 "restore-asking",
                                                                 "role",
                                                                 "rpop",
                                                                 "rpoplpush",
                                                                 "rpush",
                                                                 "rpushx",
                                                                 "sadd",
                                                                 "save",
                                                                 "scan",
                                                                 "scard",
                                                                 "script",
                                                                 "sdiff",
                                                                 "sdiffstore",
                                                                 "set",
                                                                 "setbit",
                                                                 "setex",
                                                                 "setnx",
                                                                 "setrange",
                                                                 "shutdown",
                                                                 "sinter",
                                                                 "sintercard",
                                                                 "sinterstore",
                                                                 "sismember",
                                                                 "slaveof",
                                                                 "slowlog",
                                                                 "smembers",
                                                                 "smismember",
                                                                 "smove",
                                                                 "sort",
                                                                 "sort_ro",
                                                                 "spop",
                                                                 "spublish",
                                                                 "srandmember",
                                                                 "srem",
                                                                 "sscan",
                                                                 "ssubscribe",
                                                                 "subscribe",
                                                                 "sunion",
                                                                 "sunionstore",
                                                                 "sunsubscribe",
                                                                 "swapdb",
                                                                 "sync",
                                                                 "time",
                                                                 "touch",
                                                                 "unlink",
                                                                 "unsubscribe",
                                                                 "unwatch",
                                                                 "wait",
                                                                 "watch",
                                                                 "xack",
                                                                 "xadd",
                                                                 "xautoclaim",
                                                                 "xclaim",
                                                                 "xdel",
                                                                 "xgroup",
                                                                 "xinfo",
                                                                 "xlen",
                                                                 "xpending",
                                                                 "xrange",
                                                                 "xread",
                                                                 "xreadgroup",
                                                                 "xrevrange",
                                                                 "xsetid",
                                                                 "xtrim",
                                                                 "zadd",
                                                                 "zcard",
                                                                 "zcount",
                                                                 "zdiff",
                                                                 "zdiffstore",
                                                                 "zincrby",
                                                                 "zinter",
                                                                 "zintercard",
                                                                 "zinterstore",
                                                                 "zlexcount",
                                                                 "zmpop",
                                                                 "zmscore",
                                                                 "zpopmax",
                                                                 "zpopmin",
                                                                 "zrandmember",
                                                                 "zrange",
                                                                 "zrangebylex",
                                                                 "zrangebyscore",
                                                                 "zrangestore",
                                                                 "zrank",
                                                                 "zrem",
                                                                 "zremrangebylex",
                                                                 "zremrangebyrank",
                                                                 "zremrangebyscore",
                                                                 "zrevrange",
                                                                 "zrevrangebylex",
                                                                 "zrevrangebyscore",
                                                                 "zrevrank",
                                                                 "zscan",
                                                                 "zscore",
                                                                 "zunion",
                                                                 "zunionstore"});

static_assert(std::is_sorted(kOtherCommands.begin(), kOtherCommands.end()));

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return text;
}

void AppendShown(std::string_view argument, size_t most, std::string* text) {
  text->append(UpToNul(argument.substr(0, most)));
}

}  // namespace

bool IsOtherRedisCommand(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), ToLowerAscii);
  return std::binary_search(kOtherCommands.begin(), kOtherCommands.end(), lower);
}

std::string UnknownCommandText(const Command& command) {
  RP_CHECK(command.size() >= 1);
  std::string arguments;
  for (size_t i = 1; i < command.size() && arguments.size() < kMaxShownBytes; ++i) {
    const size_t room = kMaxShownBytes - arguments.size();
    arguments += '\'';
    AppendShown(command[i], room, &arguments);
    arguments += "' ";
  }
  std::string text = "unknown command '";
  AppendShown(command[0], kMaxShownBytes, &text);
  return OneLine(std::move(text) + "', with args beginning with: " + arguments);
}

std::string UnknownSubcommandText(const Command& command) {
  RP_CHECK(command.size() >= 2);
  std::string text = "unknown subcommand '";
  AppendShown(command[1], kMaxShownBytes, &text);
  text += "'. Try ";
  for (const char c : command[0]) text += ToUpperAscii(c);
  return OneLine(std::move(text) + " HELP.");
}

std::string WrongArityText(std::string_view full_name) {
  return "wrong number of arguments for '" + std::string(full_name) + "' command";
}

}  // namespace rp::resp
