# SPDX-License-Identifier: MIT
# The engines that tests/engines and some examples compare with. Debian 12 has none of them:
# bench/peers/setup DIR installs a newer Debian, and tests/engines/run DIR builds and tests in there.

option(YARN_REQUIRE_ENGINES "Stop where an engine is missing, instead of leaving its tests out" OFF)

find_package(ggml CONFIG QUIET)
find_package(onnxruntime CONFIG QUIET)

# All that needs an engine: programs beside the tests of tests/engines depend on it by themselves.
if(NOT TARGET engines)
  add_custom_target(engines)
endif()

# yarn_engine_missing(engine what): says that something is left out here.
function(yarn_engine_missing engine what)
  set(text "${engine} is not here: ${what} left out (tests/engines/run builds and runs it)")
  if(YARN_REQUIRE_ENGINES)
    message(FATAL_ERROR "yarn: ${text}")
  endif()
  message(STATUS "yarn: ${text}")
endfunction()

# yarn_engine_program(name): builds the program with the target `engines`.
function(yarn_engine_program name)
  add_dependencies(engines ${name})
endfunction()

# yarn_engine_tests(name...): labels tests, for `ctest -L engines`.
function(yarn_engine_tests)
  set_property(TEST ${ARGN} APPEND PROPERTY LABELS engines)
endfunction()
