# SPDX-License-Identifier: MIT
# Checks that a document shows the output of a program, line for line.
# Run: cmake -DPROGRAM=first_steps -DDOCUMENT=README.md -P tests/scripts/check_output.cmake
cmake_minimum_required(VERSION 3.21)

execute_process(COMMAND "${PROGRAM}" OUTPUT_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR output STREQUAL "")
  message(FATAL_ERROR "output: ${PROGRAM} ended with ${status} and the output\n${output}")
endif()
file(READ "${DOCUMENT}" text)
string(FIND "${text}" "\n${output}```\n" place)
if(place LESS 0)
  message(FATAL_ERROR "output: ${DOCUMENT} does not show what ${PROGRAM} prints:\n${output}")
endif()
