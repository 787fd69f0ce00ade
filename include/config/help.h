// Help: what -h prints. Made from the tables of flags and of environment variables.
//
// Owner: nobody; pure functions. Thread safety: any thread. Cost: for a program that prints and
// ends.
#pragma once

#include <string>

namespace rp::config {

// Returns the text for standard output. It ends with a newline, and no line is longer than 80
// bytes.
std::string HelpText();

}  // namespace rp::config
