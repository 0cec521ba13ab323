// SPDX-License-Identifier: MIT
// Tests of errors check the type of the exception and the important words of the message, such as
// the name and value of a field. They do not check the wording between these words.
#ifndef YARN_TESTS_SUPPORT_EXPECT_ERROR_HPP
#define YARN_TESTS_SUPPORT_EXPECT_ERROR_HPP

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <typeinfo>

namespace support {

/// Calls `call`. Expects an exception of exactly the type `Error` (no derived type) whose message
/// contains all the words. Returns whether the call threw an exception.
template <class Error, class Call>
bool expect_error(Call&& call, std::initializer_list<std::string> words) {
  std::string expected;
  for (const std::string& word : words) {
    expected += " \"" + word + "\"";
  }
  try {
    call();
    ADD_FAILURE() << "accepted; expected an error with" << expected;
    return false;
  } catch (const std::exception& error) {
    const std::string message = error.what();
    EXPECT_TRUE(typeid(error) == typeid(Error))
        << "another type of error, " << typeid(error).name() << ": " << message;
    EXPECT_EQ(message.find("yarn: "), 0U) << message;
    for (const std::string& word : words) {
      EXPECT_NE(message.find(word), std::string::npos)
          << "\"" << message << "\" does not name \"" << word << "\"";
    }
    return true;
  }
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_EXPECT_ERROR_HPP
