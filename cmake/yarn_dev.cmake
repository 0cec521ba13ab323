# SPDX-License-Identifier: MIT
# What our own tests, benchmarks and examples are built with. None of it reaches yarn::yarn.

set(YARN_TEST_STANDARDS "17;20;23" CACHE STRING "C++ standards that the headers are tested in")
set(YARN_EXPECTED_ARCH "" CACHE STRING "Instruction set that the tests must find (empty: any)")

add_library(yarn_dev_flags INTERFACE)
if(MSVC)
  target_compile_options(yarn_dev_flags INTERFACE /W4 /WX /permissive- /Zc:__cplusplus)
else()
  target_compile_options(yarn_dev_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                                  -Werror)
endif()

# Makes `target` one of ours: yarn::yarn, the warnings, and the language without GNU extensions.
# An optional argument is the C++ standard.
function(yarn_dev_target target)
  set(standard 17)
  if(ARGC GREATER 1)
    set(standard ${ARGV1})
  endif()
  target_link_libraries(${target} PRIVATE yarn::yarn yarn_dev_flags)
  set_target_properties(${target} PROPERTIES CXX_STANDARD ${standard} CXX_STANDARD_REQUIRED ON
                                             CXX_EXTENSIONS OFF)
endfunction()
