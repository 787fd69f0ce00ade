#include "config/man_page.h"

#include <algorithm>
#include <cctype>

#include "config/flags.h"
#include "config/secrets.h"

namespace rp::config {
namespace {

// When the text was last changed.
constexpr std::string_view kDate = "2026-11-27";
constexpr size_t kMaxLineBytes = 80;

constexpr std::string_view kIntroduction = R"(.SH NAME
redis\-proxy \- caching HTTP server in front of Redis
.SH SYNOPSIS
.B redis\-proxy
.RI [ flag ]...
.SH DESCRIPTION
.B redis\-proxy
answers the HTTP request
.B GET /\c
.I KEY
with the value that
.I KEY
has in Redis, from a cache in memory if the key is there, and else from Redis.
.B HEAD
is answered likewise.
The key is the path after the first slash up to a question mark,
percent\-decoded.
With
.BR \-resp ,
clients that speak the Redis protocol read through the same cache.
.PP
A cached value is served until it is removed, even if it changes in Redis
meanwhile.
With
.BR \-coherent ,
it is removed as soon as Redis reports the change.
.PP
The log goes to standard error.
.SH OPTIONS
A flag is written \fB\-f\fR \fIvalue\fR, \fB\-f=\fR\fIvalue\fR,
\fB\-\-f\fR \fIvalue\fR or \fB\-\-f=\fR\fIvalue\fR.
If a flag other than
.B \-prefix
is repeated, the last one counts.
A
.I DURATION
is a number with a unit, such as 250ms, 90s, 2m or 1h30m.
A
.I SIZE
is a number of bytes or has a unit, such as 512kb, 1mb or 2gb, which are powers
of 1024.
)";

constexpr std::string_view kConclusion = R"(.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT ", " SIGQUIT
Accept no more clients, finish the requests in flight within 5 seconds, and
exit with status 0.
A second of these signals ends the program at once with status 1.
.TP
.BR SIGHUP ", " SIGUSR1 ", " SIGUSR2
Ignored; each leaves a line in the log.
.SH EXIT STATUS
.TP
.B 0
A signal stopped the server;
.B \-h
or
.B \-version
printed its text; or
.B \-health
got an answer.
.TP
.B 1
The server could not start, for example because its port is taken, there are
too few file descriptors, or Redis refuses what
.B \-coherent
needs;
.B \-health
got no answer; or a second signal stopped the server.
.TP
.B 2
A flag, its value or an environment variable is wrong.
One line on standard error names it.
.SH EXAMPLES
Serve the values of a Redis on this machine, and read one:
.PP
.nf
.RS
redis\-proxy \-redis localhost:6379 \-http :8080 \-expire 2m
curl \-i http://localhost:8080/example_key
.RE
.fi
.PP
Follow the changes in Redis, and serve the Redis protocol as well:
.PP
.nf
.RS
redis\-proxy \-coherent \-resp :6380
redis\-cli \-p 6380 GET example_key
.RE
.fi
.PP
Let nobody read without a password:
.PP
.nf
.RS
REDIS_PROXY_AUTH=alice:secret redis\-proxy \-http\-auth
curl \-u alice:secret http://localhost:8080/example_key
.RE
.fi
.SH SEE ALSO
.BR curl (1),
.BR redis\-cli (1),
.BR redis\-server (1)
)";

// `text` so that roff prints it as it is; not for the start of a line.
std::string Literal(std::string_view text) {
  std::string literal;
  for (const char c : text) {
    if (c == '-') literal += '\\';
    literal += c;
    if (c == '\\') literal += 'e';
  }
  return literal;
}

std::string Bold(std::string_view text) { return "\\fB" + Literal(text) + "\\fR"; }

// A flag or an environment variable in bold, with what stands around it not in bold.
std::string Word(std::string_view word) {
  const size_t start = word.find_first_not_of('(');
  const std::string_view core = word.substr(std::min(start, word.size()));
  const bool is_flag = core.size() > 1 && core[0] == '-' && std::isalpha(core[1]) != 0;
  if (!is_flag && !core.starts_with("REDIS_")) return Literal(word);
  const size_t end = core.find_last_not_of(".,;:)") + 1;
  return Literal(word.substr(0, start)) + Bold(core.substr(0, end)) + Literal(core.substr(end));
}

std::string HeadingOf(const Flag& flag) {
  std::string heading = Bold("-" + std::string(flag.name));
  if (IsSwitch(flag)) return heading + Bold(flag.value_name);
  if (!flag.value_name.empty()) heading += " \\fI" + Literal(flag.value_name) + "\\fR";
  return heading;
}

std::string DefaultOf(const Flag& flag) {
  const std::string_view words = DefaultInWords(flag);
  if (words.empty()) return "";
  return "Default: " + (flag.default_note.empty() ? Bold(words) : Literal(words)) + ".\n";
}

}  // namespace

std::string RoffOf(std::string_view text) {
  std::string roff;
  size_t line_bytes = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view plain = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string word = Word(plain);
    if (line_bytes + 1 + word.size() > kMaxLineBytes) {
      roff += '\n';
      line_bytes = 0;
    }
    // A line that begins so would be a request.
    if (line_bytes == 0 && (word.front() == '.' || word.front() == '\'')) word.insert(0, "\\&");
    if (line_bytes > 0) word.insert(0, " ");
    roff += word;
    line_bytes += word.size();
    if (plain.ends_with('.')) {
      roff += '\n';
      line_bytes = 0;
    }
  }
  if (line_bytes > 0) roff += '\n';
  return roff;
}

std::string ManPage(std::string_view version) {
  std::string page =
      ".\\\" Written by `make docs/redis-proxy.1` from the tables in src/config.\n"
      ".TH REDIS\\-PROXY 1 \"" +
      std::string(kDate) + "\" \"redis\\-proxy " + Literal(version) + "\" \"User Commands\"\n";
  page += kIntroduction;
  std::string_view group;
  for (const Flag& flag : Flags()) {
    if (flag.group != group) page += ".SS " + Literal(flag.group) + "\n";
    group = flag.group;
    page += ".TP\n" + HeadingOf(flag) + "\n" + RoffOf(flag.help) + RoffOf(flag.details);
    page += DefaultOf(flag);
  }
  page += ".SH ENVIRONMENT\n";
  for (const Variable& variable : Variables()) {
    page += ".TP\n" + Bold(variable.name) + "\n" + RoffOf(variable.help);
    page += RoffOf(variable.details);
  }
  page += kConclusion;
  return page;
}

}  // namespace rp::config
