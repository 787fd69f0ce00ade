#include "http/authorization.h"

#include <gtest/gtest.h>

#include <string>

namespace rp::http {
namespace {

TEST(AuthorizationTest, ReadsBasicCredentials) {
  // RFC 7617 section 2.
  const Authorization read = ParseAuthorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(read.scheme, AuthScheme::kBasic);
  EXPECT_EQ(read.user, "Aladdin");
  EXPECT_EQ(read.secret, "open sesame");
}

TEST(AuthorizationTest, TakesBase64OfEveryLengthWithAndWithoutPadding) {
  struct Case {
    const char* text;
    const char* secret;
  };
  for (const Case& c : {Case{"Og==", ""}, Case{"Og", ""}, Case{"OmE=", "a"}, Case{"OmE", "a"},
                        Case{"OmFi", "ab"}, Case{"OmFiYw==", "abc"}}) {
    const Authorization read = ParseAuthorization("Basic " + std::string(c.text));
    EXPECT_EQ(read.scheme, AuthScheme::kBasic) << c.text;
    EXPECT_EQ(read.user, "") << c.text;
    EXPECT_EQ(read.secret, c.secret) << c.text;
  }
}

TEST(AuthorizationTest, KeepsAllBytesAndColonsOfThePassword) {
  const Authorization read = ParseAuthorization("Basic dTo6Ov8A+/8=");
  EXPECT_EQ(read.user, "u");
  EXPECT_EQ(read.secret, std::string("::\xff\0\xfb\xff", 6));
}

TEST(AuthorizationTest, ReadsABearerToken) {
  const Authorization read = ParseAuthorization("Bearer mF_9.B5f-4.1JqM");
  EXPECT_EQ(read.scheme, AuthScheme::kBearer);
  EXPECT_EQ(read.secret, "mF_9.B5f-4.1JqM");
}

TEST(AuthorizationTest, TakesTheSchemeInAnyCaseAndMoreThanOneSpace) {
  EXPECT_EQ(ParseAuthorization("bASIC   OmE=").secret, "a");
  EXPECT_EQ(ParseAuthorization("BEARER token").scheme, AuthScheme::kBearer);
}

TEST(AuthorizationTest, RefusesWhatIsNotWellFormed) {
  for (const char* value :
       {"", "Basic", "Basic ", "Bearer", "Bearer  ", "Digest OmE=", "BasicOmE=", "Basic OmE=x",
        "Basic OmE==", "Basic O", "Basic OmFiY", "Basic =", "Basic O=mE", "Basic Om E",
        "Basic Om*E", "Basic YQ==", "Basic Og===", "OmE="}) {
    EXPECT_EQ(ParseAuthorization(value).scheme, AuthScheme::kNone) << value;
  }
}

TEST(AuthorizationTest, LimitsTheLengthOfCredentials) {
  std::string value = "Bearer ";
  value.resize(kMaxAuthorizationBytes, 'a');
  EXPECT_EQ(ParseAuthorization(value).scheme, AuthScheme::kBearer);
  value.push_back('a');
  EXPECT_EQ(ParseAuthorization(value).scheme, AuthScheme::kNone);
}

}  // namespace
}  // namespace rp::http
