#include "http/target.h"

#include "base/check.h"
#include "http/chars.h"

namespace rp::http {

KeyStatus DecodeKey(std::string_view target, std::string* key) {
  std::string_view path = target.substr(0, target.find('?'));
  RP_CHECK(path.starts_with('/'));
  path.remove_prefix(1);

  size_t percent = path.find('%');
  if (percent == std::string_view::npos) {
    key->append(path);
    return KeyStatus::kOk;
  }
  const size_t old_size = key->size();
  while (percent != std::string_view::npos) {
    const std::string_view digits = path.substr(percent + 1, 2);
    if (digits.size() < 2 || !AllAre(kHexChar, digits)) {
      key->resize(old_size);
      return KeyStatus::kBadEscape;
    }
    key->append(path.substr(0, percent));
    key->push_back(static_cast<char>(HexValue(digits[0]) << 4 | HexValue(digits[1])));
    path.remove_prefix(percent + 3);
    percent = path.find('%');
  }
  key->append(path);
  return KeyStatus::kOk;
}

}  // namespace rp::http
