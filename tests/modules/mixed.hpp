// SPDX-License-Identifier: MIT
// Functions of the source that includes the headers, called by the source that imports the module.
// The types of yarn must be declared before this header.
#ifndef YARN_TESTS_MODULES_MIXED_HPP
#define YARN_TESTS_MODULES_MIXED_HPP

yarn::frequencies frequencies_by_include();
void rotate_by_include(yarn::heads_view<float> x, const yarn::frequencies& freqs);
const void* on_error_by_include();

#endif
