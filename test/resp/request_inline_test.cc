#include <gtest/gtest.h>

#include <string>

#include "test/resp/request_table.h"

namespace rp::resp {
namespace {

using std::string_literals::operator""s;

const std::string kUnbalanced = "error: Protocol error: unbalanced quotes in request";

// What redis-server 7.0.15 makes of the same bytes.
TEST(RequestInlineTest, SplitsLinesAtBlanks) {
  RunTable({
      {"LF alone", "PING\n", "[PING] more"},
      {"CR LF", "PING\r\n", "[PING] more"},
      {"without an end", "PING\r", "more"},
      {"two arguments", "GET key\r\n", "[GET|key] more"},
      {"blanks around", " \tGET \t key \r\n", "[GET|key] more"},
      {"CR CR LF", "PING\r\r\n", "[PING] more"},
      {"CR inside", "PING\rx\n", "[PING|x] more"},
      {"VT ends no argument", "ECHO\x0bx\n", "[ECHO\x0bx] more"},
      {"VT and FF before an argument", "\x0b\x0cPING\n", "[PING] more"},
      {"any byte", "ECHO \xff\xfe\x01\r\n", "[ECHO|\xff\xfe\x01] more"},
      {"a dollar", "$4\r\n", "[$4] more"},
      {"a colon", ":1\r\n", "[:1] more"},
      {"an array that is not first", " *1\r\n", "[*1] more"},
      {"a backslash is one", "ECHO a\\ \\x41\r\n", "[ECHO|a\\|\\x41] more"},
  });
}

TEST(RequestInlineTest, IgnoresEmptyLines) {
  RunTable({
      {"CR LF", "\r\nPING\r\n", "nothing [PING] more"},
      {"LF", "\n\n\nPING\r\n", "nothing nothing nothing [PING] more"},
      {"blanks", "   \r\nPING\r\n", "nothing [PING] more"},
      {"all that is space", "\t \x0b\x0c\r\nPING\r\n", "nothing [PING] more"},
      {"before an array", "\r\n*1\r\n$4\r\nPING\r\n", "nothing [PING] more"},
  });
}

TEST(RequestInlineTest, TakesQuotes) {
  RunTable({
      {"double", "ECHO \"a b\"\r\n", "[ECHO|a b] more"},
      {"single", "ECHO 'a b'\r\n", "[ECHO|a b] more"},
      {"the name", "\"PING\"\r\n", "[PING] more"},
      {"an empty name", "\"\"\r\n", "[] more"},
      {"empty double", "ECHO \"\"\r\n", "[ECHO|] more"},
      {"empty single", "ECHO ''\r\n", "[ECHO|] more"},
      {"two", "ECHO \"a\" 'b'\r\n", "[ECHO|a|b] more"},
      {"in the middle of an argument", "ECHO a\"b c\"\r\n", "[ECHO|ab c] more"},
      {"VT behind", "ECHO \"a\"\x0b\r\n", "[ECHO|a] more"},
      {"VT inside", "ECHO \"a\x0b"s + "b\"\n", "[ECHO|a\x0b"s + "b] more"},
      {"CR inside", "ECHO \"a\rb\"\n", "[ECHO|a\rb] more"},
      {"single in double", "ECHO \"'\"\r\n", "[ECHO|'] more"},
      {"double in single", "ECHO '\"'\r\n", "[ECHO|\"] more"},
  });
}

TEST(RequestInlineTest, TakesEscapesInQuotes) {
  RunTable({
      {"double", "ECHO \"\\x41\\x4a\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n",
       "[ECHO|AJ\n\r\t\b\aq\\\"] more"},
      {"hex of both cases", "ECHO \"\\xfF\\xAa\"\r\n", "[ECHO|\xff\xaa] more"},
      {"NUL", "ECHO \"\\x00\"\r\n", "[ECHO|\0] more"s},
      {"one hex digit", "ECHO \"\\x4\"\r\n", "[ECHO|x4] more"},
      {"no second hex digit", "ECHO \"\\x4g\"\r\n", "[ECHO|x4g] more"},
      {"single", "ECHO '\\x41\\n\\''\r\n", "[ECHO|\\x41\\n'] more"},
      {"two backslashes in single", "ECHO '\\\\'\r\n", kUnbalanced},
  });
}

TEST(RequestInlineTest, RefusesUnbalancedQuotes) {
  RunTable({
      {"double", "ECHO \"a\r\n", kUnbalanced},
      {"single", "ECHO 'a\r\n", kUnbalanced},
      {"only a quote", "\"\r\n", kUnbalanced},
      {"an escaped quote", "ECHO \"a\\\"\r\n", kUnbalanced},
      {"an escaped single quote", "ECHO 'a\\'\r\n", kUnbalanced},
      {"a backslash at the end", "ECHO \"\\\r\n", kUnbalanced},
      {"a backslash at the end in single", "ECHO 'a\\\r\n", kUnbalanced},
      {"half an escape at the end", "ECHO \"\\x4\r\n", kUnbalanced},
      {"more behind double", "ECHO \"a\"b\r\n", kUnbalanced},
      {"more behind single", "ECHO 'a'b\r\n", kUnbalanced},
      {"more behind, in the middle", "ECHO a\"b c\"d\r\n", kUnbalanced},
      {"behind a command", "PING\r\n\"\r\n", "[PING] " + kUnbalanced},
  });
}

TEST(RequestInlineTest, ReadsTheNextLineAfterALongOne) {
  const std::string word(10000, 'w');
  EXPECT_EQ(ReadWhole(word + "\nGET a\n"), "[" + word + "] [GET|a] more");
}

}  // namespace
}  // namespace rp::resp
