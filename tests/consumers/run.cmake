# SPDX-License-Identifier: MIT
# Installs yarn where PROJECT asks for an installed one, then configures, builds and runs PROJECT.
# With REFUSAL, configuring must fail with a message that matches it.
cmake_minimum_required(VERSION 3.21)

function(run_step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(NOTICE "${command}\n${output}") # apart: an error message is wrapped
    message(FATAL_ERROR "${ARGV0} failed")
  endif()
endfunction()

# From nothing: a package or cache entry of an earlier run would answer for this one.
file(REMOVE_RECURSE "${WORK_DIR}")
set(prefix "${WORK_DIR}/prefix")
set(build "${WORK_DIR}/build")

if(PROJECT STREQUAL "add_subdirectory")
  set(where "-DYARN_SOURCE_DIR=${SOURCE_DIR}" "-DYARN_NO_XSIMD=${NO_XSIMD}")
elseif(BUILD_TREE)
  set(where "-Dyarn_DIR=${YARN_BINARY_DIR}")
else()
  run_step("${CMAKE_COMMAND}" --install "${YARN_BINARY_DIR}" --prefix "${prefix}")
  set(where "-DCMAKE_PREFIX_PATH=${prefix}")
endif()

set(configure
    "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${PROJECT}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}" -DCMAKE_BUILD_TYPE=Release
    ${where} ${OPTIONS})

if(REFUSAL)
  execute_process(COMMAND ${configure} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}") # CMake wraps messages
  if(result EQUAL 0)
    message(FATAL_ERROR "configured, but should have been refused")
  elseif(NOT output MATCHES "${REFUSAL}")
    message(FATAL_ERROR "refused without '${REFUSAL}':\n${output}")
  endif()
  return()
endif()

run_step(${configure} "-DYARN_EXPECTED_VERSION=${VERSION}" "-DYARN_EXPECT_NO_XSIMD=${NO_XSIMD}")
run_step("${CMAKE_COMMAND}" --build "${build}")
run_step("${build}/consumer")
