// Commands for requests in tests of the proxy.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/request.h"
#include "test/support/command_reply.h"

namespace rp::proxy {

// Makes the request ask for the command.
inline void SetCommand(Request* request, const std::vector<std::string>& words) {
  const resp::RequestLimits limits;
  resp::RequestReader reader(limits);
  resp::Command command;
  const std::string bytes = redis::Encode(words);
  ASSERT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  ASSERT_TRUE(request->question.command.Assign(command));
  request->question.kind = Question::Kind::kCommand;
}

}  // namespace rp::proxy
