#include "resp/writer.h"

#include <array>
#include <charconv>

#include "base/check.h"

namespace rp::resp {

char* PutHeader(char type, int64_t number, char* out) {
  *out++ = type;
  // Most values are short, and to_chars counts digits before it writes them.
  if (number >= 0 && number < 10) {
    *out++ = static_cast<char>('0' + number);
  } else {
    out = std::to_chars(out, out + kMaxHeaderBytes - 3, number).ptr;
  }
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

void Writer::SimpleString(std::string_view text) {
  out_->push_back('+');
  Line(text);
  out_->append(kCrLf);
}

void Writer::Error(std::string_view text) {
  out_->push_back('-');
  Line(text);
  out_->append(kCrLf);
}

void Writer::Error(std::string_view code, std::string_view text) {
  out_->push_back('-');
  out_->append(code);
  out_->push_back(' ');
  Line(text);
  out_->append(kCrLf);
}

void Writer::Integer(int64_t number) {
  std::array<char, kMaxHeaderBytes> header;
  out_->append(header.data(), PutHeader(':', number, header.data()));
}

void Writer::Bulk(std::string_view bytes) {
  Header('$', bytes.size());
  out_->append(bytes);
  out_->append(kCrLf);
}

void Writer::MapHeader(size_t pairs) {
  if (version_ >= 3) {
    Header('%', pairs);
  } else {
    Header('*', pairs * 2);
  }
}

void Writer::Verbatim(std::string_view format, std::string_view text) {
  RP_CHECK(format.size() == 3);
  if (version_ < 3) return Bulk(text);
  Header('=', format.size() + 1 + text.size());
  out_->append(format);
  out_->push_back(':');
  out_->append(text);
  out_->append(kCrLf);
}

void Writer::Header(char type, size_t number) {
  std::array<char, kMaxHeaderBytes> header;
  out_->append(header.data(), PutHeader(type, static_cast<int64_t>(number), header.data()));
}

void Writer::Line(std::string_view text) {
  const size_t start = out_->size();
  out_->append(text);
  for (size_t i = start; i < out_->size(); ++i) {
    if ((*out_)[i] == '\r' || (*out_)[i] == '\n') (*out_)[i] = ' ';
  }
}

}  // namespace rp::resp
