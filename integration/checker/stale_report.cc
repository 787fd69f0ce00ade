// What a check has found, in lines for people.
#include <algorithm>
#include <cstdio>

#include "integration/checker/stale_checker.h"

namespace rp::integration {
namespace {

std::string Line(const char* format, auto... values) {
  char line[256];
  std::snprintf(line, sizeof(line), format, values...);
  return line;
}

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

void StaleCheckReport::Add(const StaleCheckReport& part) {
  reads += part.reads;
  hits += part.hits;
  failures += part.failures;
  writes += part.writes;
  stale += part.stale;
  for (size_t i = 0; i < part.by_age.size(); ++i) by_age[i] += part.by_age[i];
  oldest = std::max(oldest, part.oldest);
  over_bound += part.over_bound;
  alien += part.alien;
  after_move += part.after_move;
  backwards += part.backwards;
  unjudged += part.unjudged;
}

bool StaleCheckReport::Kept() const {
  return hits > 0 && Violations() == 0 && hung == 0 && stale_after_quiet == 0 &&
         uncached_after_quiet == 0;
}

std::string StaleCheckReport::Text() const {
  std::string text =
      Line("reads              %ju, of these %ju hits; %ju more failed\n", reads, hits, failures) +
      Line("from no master     %ju more\n", unjudged) + Line("writes             %ju\n", writes) +
      Line("stale reads        %ju, %s%.0f ms; the oldest by %.1f ms\n", stale,
           over_bound == 0 ? "all within the bound of " : "some beyond the bound of ",
           Milliseconds(bound), Milliseconds(oldest)) +
      Line("  below 1 ms       %ju\n", by_age[0]) + Line("  1 to 10 ms       %ju\n", by_age[1]) +
      Line("  10 to 100 ms     %ju\n", by_age[2]) + Line("  100 to 1000 ms   %ju\n", by_age[3]) +
      Line("  above            %ju\n", by_age[4]) + Line("beyond the bound   %ju\n", over_bound) +
      Line("after a move       %ju more, within the second bound\n", after_move) +
      Line("backwards          %ju\n", backwards) + Line("never written      %ju\n", alien) +
      Line("hung after a loss  %d\n", hung) +
      Line("stale after quiet  %d keys\n", stale_after_quiet) +
      Line("not cached then    %d keys\n", uncached_after_quiet) + "what happened      ";
  const char* separator = "";
  for (const auto& [name, count] : events) {
    text += Line("%s%s %d", separator, name.c_str(), count);
    separator = ", ";
  }
  if (!left_out.empty()) text += "\nleft out           " + left_out;
  return text + "\n";
}

}  // namespace rp::integration
