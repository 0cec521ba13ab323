# SPDX-License-Identifier: MIT
# Sets YARN_HAS_STD_MDSPAN: whether the standard library of the compiler has std::mdspan in C++23.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX23_STANDARD_COMPILE_OPTION}")
check_cxx_source_compiles("#include <mdspan>
#ifndef __cpp_lib_mdspan
#error
#endif
int main() {}" YARN_HAS_STD_MDSPAN)
unset(CMAKE_REQUIRED_FLAGS)
