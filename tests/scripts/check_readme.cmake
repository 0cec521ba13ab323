# SPDX-License-Identifier: MIT
# The first C++ block of README.md is the marked region of the quickstart, which is built and run.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_readme.cmake
cmake_minimum_required(VERSION 3.21)

# Sets `result` to the text between the first `begin` line and the next `end` line of `file`.
function(extract file begin end result)
  file(READ "${SOURCE_DIR}/${file}" text)
  string(FIND "${text}" "${begin}\n" start)
  if(start LESS 0)
    message(FATAL_ERROR "readme: ${file} has no line '${begin}'")
  endif()
  string(LENGTH "${begin}\n" skip)
  math(EXPR start "${start} + ${skip}")
  string(SUBSTRING "${text}" ${start} -1 text)
  string(FIND "${text}" "${end}" stop)
  if(stop LESS 1)
    message(FATAL_ERROR "readme: ${file} has nothing between '${begin}' and '${end}'")
  endif()
  string(SUBSTRING "${text}" 0 ${stop} text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# Shifts the block left by the indentation of its first line.
function(unindent text result)
  string(REGEX REPLACE "^\n+" "" text "${text}")
  string(REGEX REPLACE "[^ ].*" "" indentation "${text}")
  string(REPLACE "\n${indentation}" "\n" text "\n${text}")
  string(STRIP "${text}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

set(example examples/quickstart/quickstart.cpp)
extract(README.md "```cpp" "```" shown)
extract(${example} "// [readme]" "// [/readme]" built)
unindent("${shown}" shown)
unindent("${built}" built)
if(NOT shown STREQUAL built)
  message(FATAL_ERROR "readme: the first C++ block of README.md\n\n${shown}\n\n"
                      "differs from the region [readme] of ${example}\n\n${built}\n")
endif()
