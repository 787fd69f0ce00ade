#include "resp_front/refused_transaction.h"

#include <gtest/gtest.h>

#include <string>

#include "test/resp/request_table.h"

namespace rp::resp_front {
namespace {

using Action = RefusedTransaction::Action;

Action On(RefusedTransaction* transaction, const std::string& line) {
  const std::string bytes = line + "\r\n";
  resp::RequestReader reader(resp::kDefaultLimits);
  resp::Command command;
  EXPECT_EQ(reader.Parse(bytes, &command), ParseStatus::kDone);
  return transaction->OnCommand(command);
}

TEST(RefusedTransactionTest, WithoutMultiAllIsForwarded) {
  RefusedTransaction transaction;
  transaction.OnInput(true);
  for (const char* line : {"SET a b", "EXEC", "DISCARD", "MULTI now", "SET a b"}) {
    EXPECT_EQ(On(&transaction, line), Action::kForward) << line;
  }
}

TEST(RefusedTransactionTest, WhatFollowsMultiIsDiscardedUntilItEnds) {
  for (const char* end : {"EXEC", "discard"}) {
    RefusedTransaction transaction;
    EXPECT_EQ(On(&transaction, "multi"), Action::kForward);
    EXPECT_EQ(On(&transaction, "SET a b"), Action::kDiscard);
    transaction.OnInput(false);
    EXPECT_EQ(On(&transaction, "MULTI"), Action::kDiscard);
    EXPECT_EQ(On(&transaction, "EXEC now"), Action::kDiscard) << "which is an error to Redis";
    EXPECT_EQ(On(&transaction, end), Action::kForward);
    EXPECT_EQ(On(&transaction, "SET a b"), Action::kForward);
  }
}

TEST(RefusedTransactionTest, AClientThatHasSeenTheRefusalIsCutOff) {
  RefusedTransaction transaction;
  EXPECT_EQ(On(&transaction, "MULTI"), Action::kForward);
  transaction.OnInput(true);
  EXPECT_EQ(On(&transaction, "SET a b"), Action::kDiscardAndClose);
  transaction.OnInput(false);
  EXPECT_EQ(On(&transaction, "SET a b"), Action::kDiscard) << "begun before";
  transaction.OnInput(true);
  EXPECT_EQ(On(&transaction, "EXEC"), Action::kForward);
  transaction.OnInput(true);
  EXPECT_EQ(On(&transaction, "SET a b"), Action::kForward);
}

TEST(RefusedTransactionTest, ResetEndsIt) {
  RefusedTransaction transaction;
  EXPECT_EQ(On(&transaction, "MULTI"), Action::kForward);
  transaction.Reset();
  transaction.OnInput(true);
  EXPECT_EQ(On(&transaction, "SET a b"), Action::kForward);
}

}  // namespace
}  // namespace rp::resp_front
