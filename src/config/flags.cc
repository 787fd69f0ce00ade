#include "config/flags.h"

#include <array>

#include "config/flag_values.h"

namespace rp::config {
namespace {

using O = Options;

constexpr std::string_view kServing = "Serving";
constexpr std::string_view kRedis = "Redis";
constexpr std::string_view kCache = "Cache";
constexpr std::string_view kCoherence = "Coherence";
constexpr std::string_view kClients = "Clients";
constexpr std::string_view kThreads = "Threads";
constexpr std::string_view kOther = "Log and information";

constexpr std::array<Flag, 32> kFlags = {{
    {.group = kServing,
     .name = "http",
     .value_name = "[HOST]:PORT",
     .default_text = ":8080",
     .help = "Address to serve HTTP on. Port 0 takes a free port.",
     .details = "Without a host, all addresses are served, over IPv4 and IPv6. An IPv6 address is "
                "written in brackets.",
     .parse = ParseHttp,
     .show = ShowHttp},
    {.group = kServing,
     .name = "resp",
     .value_name = "[HOST]:PORT",
     .default_note = "off",
     .help = "Address to serve the Redis protocol on, from the same cache.",
     .details = "It answers reads such as GET and MGET, in RESP2 and RESP3. All other commands are "
                "refused unless -forward is given.",
     .parse = ParseResp,
     .show = ShowResp},
    {.group = kServing,
     .name = "forward",
     .value_name = "[=true|false]",
     .default_text = "false",
     .help = "Send all other commands of -resp to Redis. Requires -coherent.",
     .details = "A client reads its own writes. Commands that would block or change a connection "
                "which all clients share are refused, among them WATCH and SUBSCRIBE. "
                "-coherent=auto is not enough.",
     .parse = ParseSwitch<&O::forward>,
     .show = ShowSwitch<&O::forward>},
    {.group = kServing,
     .name = "http-auth",
     .value_name = "[=true|false]",
     .default_text = "false",
     .help = "Require the credentials in REDIS_PROXY_AUTH over HTTP as well.",
     .details = "Requests without them are answered 401.",
     .parse = ParseSwitch<&O::http_auth>,
     .show = ShowSwitch<&O::http_auth>},
    {.group = kServing,
     .name = "content-type",
     .value_name = "TYPE",
     .default_text = "application/octet-stream",
     .help = "Content-Type of the values, the same for all.",
     .details = "It has 1 to 200 printable ASCII characters.",
     .parse = ParseContentType,
     .show = ShowContentType},

    {.group = kRedis,
     .name = "redis",
     .value_name = "HOST[:PORT]|/PATH",
     .default_text = "localhost:6379",
     .help = "Address of Redis: a host and a port, or the path of a Unix socket.",
     .details = "The port is 6379 if it is not given. An IPv6 address is written in brackets. The "
                "program starts and serves also while Redis is down.",
     .parse = ParseRedis,
     .show = ShowRedis},
    {.group = kRedis,
     .name = "redis-db",
     .value_name = "N",
     .default_text = "0",
     .help = "Number of the database in Redis.",
     .parse = ParseNumber<&O::redis_db, 0>,
     .show = ShowNumber<&O::redis_db>},
    {.group = kRedis,
     .name = "redis-connections",
     .value_name = "N",
     .default_text = "4",
     .help = "Maximum connections to Redis, each with a thread (1 to 1024).",
     .details =
         "The first is opened at the start, the others when they are needed. There are never "
         "more of them than -redis-ops-limit.",
     .parse = ParseNumber<&O::redis_connections, 1, 1024>,
     .show = ShowNumber<&O::redis_connections>},
    {.group = kRedis,
     .name = "redis-ops-limit",
     .value_name = "N",
     .default_text = "128",
     .help = "Maximum GETs in flight over all connections (1 to 1000000).",
     .details = "With 1, each GET waits for the answer to the one before it. A connection has at "
                "most 32 in flight.",
     .parse = ParseNumber<&O::redis_ops_limit, 1, 1000000>,
     .show = ShowNumber<&O::redis_ops_limit>},
    {.group = kRedis,
     .name = "timeout",
     .value_name = "DURATION",
     .default_text = "1s",
     .help = "Maximum time that a request waits for Redis.",
     .details = "A request that waits longer is answered 504, or -TIMEOUT over the Redis protocol. "
                "0 is not allowed.",
     .parse = ParseTimeout,
     .show = ShowTime<&O::timeout>},

    {.group = kCache,
     .name = "capacity",
     .value_name = "KEYS",
     .default_text = "100000",
     .help = "Maximum keys in the cache. 0 caches nothing.",
     .details = "When the cache is full, the least recently used key is evicted.",
     .parse = ParseNumber<&O::capacity, 0, std::numeric_limits<int64_t>::max()>,
     .show = ShowNumber<&O::capacity>},
    {.group = kCache,
     .name = "max-memory",
     .value_name = "SIZE",
     .compute_default = DefaultMaxMemory,
     .default_note = "a quarter of the memory",
     .help = "Maximum memory for the cache. 0 means no limit.",
     .details = "Keys, values and their bookkeeping count, also of values that have left the cache "
                "and are still being sent. The memory is that of the machine, or less where a "
                "cgroup or ulimit -v allows less.",
     .parse = ParseBytes<&O::max_memory_bytes>,
     .show = ShowBytes<&O::max_memory_bytes>},
    {.group = kCache,
     .name = "max-value",
     .value_name = "SIZE",
     .default_text = "1mb",
     .help = "Maximum size of a cached value. Larger values are served uncached.",
     .parse = ParseBytes<&O::max_value_bytes>,
     .show = ShowBytes<&O::max_value_bytes>},
    {.group = kCache,
     .name = "expire",
     .value_name = "DURATION",
     .default_text = "2m",
     .help = "Remove a key from the cache after this time without use. 0 means never.",
     .parse = ParseTime<&O::expire>,
     .show = ShowTime<&O::expire>},
    {.group = kCache,
     .name = "max-age",
     .value_name = "DURATION",
     .default_text = "0",
     .help = "Remove a key from the cache this long after its fetch. 0 means never.",
     .details = "It does not matter how often the key is used. Without -coherent, this limits how "
                "old an answer can be.",
     .parse = ParseTime<&O::max_age>,
     .show = ShowTime<&O::max_age>},
    {.group = kCache,
     .name = "stale-if-error",
     .value_name = "DURATION",
     .default_text = "0",
     .help = "While Redis is down, serve values this much longer than -expire allows.",
     .details = "With -coherent, also values whose changes cannot be reported meanwhile. A value "
                "that is known to have changed, or is past -max-age or its TTL in Redis, is never "
                "served. 0 turns it off.",
     .parse = ParseTime<&O::stale_if_error>,
     .show = ShowTime<&O::stale_if_error>},

    {.group = kCoherence,
     .name = "coherent",
     .value_name = "[=true|false|auto]",
     .default_text = "false",
     .help = "Remove a key from the cache when it changes in Redis. auto: if supported.",
     .details = "This needs CLIENT TRACKING, of Redis 6.0.6 or later. If Redis answers but refuses "
                "it, -coherent ends the program, while -coherent=auto caches by time alone.",
     .parse = ParseCoherent,
     .show = ShowCoherent},
    {.group = kCoherence,
     .name = "max-stale",
     .value_name = "DURATION",
     .default_text = "1s",
     .help = "With -coherent: maximum time that a changed value is served.",
     .details = "From 10ms to 1h. It holds also while the connection that reports the changes is "
                "broken or hangs. Redis must answer within this time.",
     .parse = ParseMaxStale,
     .show = ShowTime<&O::max_stale>},
    {.group = kCoherence,
     .name = "prefix",
     .value_name = "PREFIX",
     .default_note = "all keys",
     .help = "With -coherent: cache only keys with this prefix. May be repeated.",
     .details =
         "Redis then reports only the changes of these keys. There may be 128 prefixes of at "
         "most 1024 bytes, none of which begins with another.",
     .parse = ParsePrefix,
     .show = ShowPrefixes},
    {.group = kCoherence,
     .name = "verify",
     .value_name = "N",
     .default_text = "0",
     .help = "With -coherent: compare one hit in N with Redis. 0 turns it off.",
     .details = "A value that Redis has changed without a report is logged and counted, and the "
                "cache begins anew. The answer of the hit does not wait for this.",
     .parse = ParseNumber<&O::verify, 0, 1000000000>,
     .show = ShowNumber<&O::verify>},

    {.group = kClients,
     .name = "max-clients",
     .value_name = "N",
     .default_text = "10000",
     .help = "Maximum client connections. The next 128 get 503; more are closed.",
     .details =
         "From 1 to 1000000, of both protocols together. Fewer are served if ulimit -n allows "
         "too few open files, and the log says so.",
     .parse = ParseNumber<&O::max_clients, 1, 1000000>,
     .show = ShowNumber<&O::max_clients>},
    {.group = kClients,
     .name = "header-timeout",
     .value_name = "DURATION",
     .default_text = "10s",
     .help = "Maximum time for a request to arrive. 0 means no limit.",
     .details = "A request over HTTP that takes longer is answered 408. A client of -resp that "
                "pauses for longer within a command is disconnected.",
     .parse = ParseTime<&O::header_timeout>,
     .show = ShowTime<&O::header_timeout>},
    {.group = kClients,
     .name = "idle-timeout",
     .value_name = "DURATION",
     .default_text = "75s",
     .help = "Maximum time between two HTTP requests. 0 closes after each answer.",
     .parse = ParseTime<&O::idle_timeout>,
     .show = ShowTime<&O::idle_timeout>},
    {.group = kClients,
     .name = "write-timeout",
     .value_name = "DURATION",
     .default_text = "30s",
     .help = "Disconnect clients that read no answer for this long. 0 means never.",
     .parse = ParseTime<&O::write_timeout>,
     .show = ShowTime<&O::write_timeout>},
    {.group = kClients,
     .name = "resp-idle-timeout",
     .value_name = "DURATION",
     .default_text = "0",
     .help = "Disconnect clients of -resp that are idle for this long. 0 means never.",
     .parse = ParseTime<&O::resp_idle_timeout>,
     .show = ShowTime<&O::resp_idle_timeout>},

    {.group = kThreads,
     .name = "reactors",
     .value_name = "N",
     .default_text = "1",
     .help = "Threads that serve the clients and answer cache hits (1 to 64).",
     .details = "Each uses at most one core.",
     .parse = ParseNumber<&O::reactors, 1, 64>,
     .show = ShowNumber<&O::reactors>},
    {.group = kThreads,
     .name = "workers",
     .value_name = "N",
     .compute_default = DefaultWorkers,
     .default_note = "the number of cores, at most 4",
     .help = "Threads for many misses at once and for commands to Redis (1 to 256).",
     .details = "They remove expired keys as well. They never wait for Redis.",
     .parse = ParseNumber<&O::workers, 1, 256>,
     .show = ShowNumber<&O::workers>},
    {.group = kThreads,
     .name = "inline",
     .value_name = "[=true|false]",
     .default_text = "true",
     .help = "Reactors answer hits and start few misses; false: the workers do.",
     .details = "With false, every request goes through the queue to a worker. This costs more, "
                "and is there to be measured and tested.",
     .parse = ParseSwitch<&O::answers_inline>,
     .show = ShowSwitch<&O::answers_inline>},

    {.group = kOther,
     .name = "log-level",
     .value_name = "debug|info|warn|error",
     .default_text = "info",
     .help = "Log this level and above. debug adds each connection and retry.",
     .parse = ParseLogLevel,
     .show = ShowLogLevel},
    {.group = kOther,
     .name = "health",
     .value_name = "",
     .help = "Ask the running server whether it serves: exit 0 if it does, 1 if not.",
     .details = "The server is the process on this machine, or in this container, that runs the "
                "same file; its flags say where it listens. Any answer over HTTP will do, but it "
                "must come within 2 seconds."},
    {.group = kOther, .name = "version", .value_name = "", .help = "Print the version and exit."},
    {.group = kOther,
     .name = "h",
     .value_name = "",
     .help = "Print this help and exit. -help does the same."},
}};

}  // namespace

std::span<const Flag> Flags() { return kFlags; }

bool IsSwitch(const Flag& flag) { return flag.value_name.starts_with("[="); }

std::string DefaultText(const Flag& flag) {
  return flag.compute_default != nullptr ? flag.compute_default() : std::string(flag.default_text);
}

std::string_view DefaultInWords(const Flag& flag) {
  return flag.default_note.empty() ? flag.default_text : flag.default_note;
}

std::string Usage(const Flag& flag) {
  const char* const between = flag.value_name.empty() || IsSwitch(flag) ? "" : " ";
  return "-" + std::string(flag.name) + between + std::string(flag.value_name);
}

}  // namespace rp::config
