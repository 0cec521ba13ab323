# SPDX-License-Identifier: MIT
# What our own tests, benchmarks and examples are built with. None of it reaches yarn::yarn.

set(YARN_TEST_STANDARDS "17;20;23" CACHE STRING "C++ standards that the headers are tested in")
# The quick suite covers every feature once. The full one has more values, more combinations, and the
# tests of what is not the library: all of the examples, the optimiser, other flags.
option(YARN_TEST_FULL "The full suite, not the quick one" OFF)
# The numbers leg is integers: one build of it is as good as another. Builds for further instruction
# sets need only the tests of what they change.
option(YARN_TEST_KERNELS_ONLY "Only tests that an instruction set can change" OFF)
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
