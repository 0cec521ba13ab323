# SPDX-License-Identifier: MIT
# Checks that code in the documents is equal to a marked region of a source that is built and run.
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

# Checks that `document` has the region `name` of `source` as a C++ block.
function(compare document source name)
  extract(${source} "// [${name}]" "// [/${name}]" built)
  unindent("${built}" built)
  file(READ "${SOURCE_DIR}/${document}" text)
  string(FIND "${text}" "```cpp\n${built}\n```\n" place)
  if(place LESS 0)
    message(FATAL_ERROR "readme: no C++ block of ${document} is the region [${name}] of ${source}:\n\n${built}\n")
  endif()
endfunction()

compare(README.md examples/first_steps/first_steps.cpp readme)
compare(docs/instruction-sets.md examples/dispatch/kernels.hpp kernels)
compare(docs/gpus.md tests/rows/test_gpu_rows.cpp kernel)
compare(docs/testing-your-engine.md tests/testing/test_testing_snippet.cpp testing)
compare(docs/testing-your-engine.md tests/testing/test_testing_snippet.cpp testing-axes)
