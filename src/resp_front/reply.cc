#include "resp_front/reply.h"

#include "resp/writer.h"

namespace rp::resp_front {

Reply ErrorReply(std::string_view text) {
  std::string bytes;
  resp::Writer(2, &bytes).Error("ERR", text);  // spelled alike in both versions
  return Bytes(std::move(bytes));
}

Reply NotAvailable(std::string_view full_name) {
  return ErrorReply("'" + std::string(full_name) +
                    "' is not available: this endpoint serves reads");
}

}  // namespace rp::resp_front
