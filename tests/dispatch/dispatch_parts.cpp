// SPDX-License-Identifier: MIT
#include "dispatch_parts.hpp"

namespace {

const char* abi() { return YARN_TEST_TEXT(YARN_ABI); }
std::int64_t last_position(const yarn::positions& list) { return list[list.size() - 1]; }

} // namespace

YARN_DISPATCH_PART(support::reporting_kernels, &abi, &last_position)
