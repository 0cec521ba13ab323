# SPDX-License-Identifier: MIT
# Checks which symbols a shared library exports: all names must match ALLOWED, and there must be
# at least LEAST names. Variables: NM, LIBRARY, ALLOWED (a regular expression), LEAST.
cmake_minimum_required(VERSION 3.21)
execute_process(COMMAND "${NM}" -D --defined-only "${LIBRARY}" OUTPUT_VARIABLE output
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${output}")
set(count 0)
foreach(line IN LISTS lines)
  string(REGEX REPLACE ".* " "" name "${line}")
  if(name MATCHES "^(${ALLOWED})$")
    math(EXPR count "${count} + 1")
  else()
    message(SEND_ERROR "exports: ${name} does not match ${ALLOWED}")
  endif()
endforeach()
if(count LESS LEAST)
  message(FATAL_ERROR "exports: ${count} names match ${ALLOWED}; expected at least ${LEAST}")
endif()
message(STATUS "exports: ${count} names")
