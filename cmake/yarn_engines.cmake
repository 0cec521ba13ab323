# SPDX-License-Identifier: MIT
# The engines that tests/engines and some examples use. Debian 12 has neither ggml nor onnxruntime,
# and its libtorch (1.13) is older than the 2.1 that yarn/torch.hpp needs. bench/peers/setup DIR
# installs a newer Debian that has all three, and tests/engines/run DIR builds the programs and runs
# the tests in that Debian.

option(YARN_REQUIRE_ENGINES "Stop if an engine is missing, instead of leaving out its tests" OFF)

find_package(ggml CONFIG QUIET)
find_package(onnxruntime CONFIG QUIET)
if(NOT TARGET torch) # a second call would repeat the messages of the package
  find_package(Torch CONFIG QUIET)
endif()

# The target builds all programs that need an engine. yarn_engine_program adds a program to it.
if(NOT TARGET engines)
  add_custom_target(engines)
endif()

# yarn_engine_missing(engine what): prints that something is left out because the engine is missing.
# `what` ends with "is" or "are".
function(yarn_engine_missing engine what)
  set(text "${engine} is not installed: ${what} left out (tests/engines/run builds and runs it)")
  if(YARN_REQUIRE_ENGINES)
    message(FATAL_ERROR "yarn: ${text}")
  endif()
  message(STATUS "yarn: ${text}")
endfunction()

# yarn_engine_program(name): adds the program to the target `engines`.
function(yarn_engine_program name)
  add_dependencies(engines ${name})
endfunction()

# yarn_engine_tests(name...): labels the tests for `ctest -L engines`.
function(yarn_engine_tests)
  set_property(TEST ${ARGN} APPEND PROPERTY LABELS engines)
endfunction()
