# SPDX-License-Identifier: MIT
# Settings for our own tests, benchmarks and examples. None of them changes yarn::yarn.

set(YARN_TEST_STANDARDS "17;20;23" CACHE STRING "C++ standards that the headers are tested in")
# The quick suite covers every feature once. The full suite has more values and more combinations.
# It also has the tests of all examples, and tests with other flags of the compiler.
option(YARN_TEST_FULL "Build the full suite of tests, not the quick one" OFF)
# Frequencies are computed with integers, so they do not depend on the instruction set. Builds for
# further instruction sets need only the tests of code that an instruction set can change.
option(YARN_TEST_KERNELS_ONLY "Build only the tests that an instruction set can change" OFF)
# Distributions set YARN_WERROR to OFF, because newer compilers have more warnings.
option(YARN_WERROR "Stop the build of tests, benchmarks and examples at a warning" ON)
set(YARN_EXPECTED_ARCH "" CACHE STRING "Instruction set that the tests must find (empty: any)")

add_library(yarn_dev_flags INTERFACE)
if(MSVC)
  target_compile_options(yarn_dev_flags INTERFACE /W4 /permissive- /Zc:__cplusplus
                                                  $<$<BOOL:${YARN_WERROR}>:/WX>)
else()
  target_compile_options(yarn_dev_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                                  $<$<BOOL:${YARN_WERROR}>:-Werror>)
endif()

# Links `target` with yarn::yarn, and sets our warnings and a C++ standard without GNU extensions.
# The optional second argument is the standard; the default is 17.
function(yarn_dev_target target)
  set(standard 17)
  if(ARGC GREATER 1)
    set(standard ${ARGV1})
  endif()
  target_link_libraries(${target} PRIVATE yarn::yarn yarn_dev_flags)
  set_target_properties(${target} PROPERTIES CXX_STANDARD ${standard} CXX_STANDARD_REQUIRED ON
                                             CXX_EXTENSIONS OFF)
endfunction()
