# SPDX-License-Identifier: MIT
# The functions and data that both halves emit, and of which the linker keeps either. Only what the
# standard library says when a variant is empty may be among them: it runs in no program that works.
cmake_minimum_required(VERSION 3.21)

set(allowed "bad_variant_access|__gxx_personality_v0|__clang_call_terminate|std::exception::exception")

# V, W, u: weak; names with spaces follow the kind.
function(weak_symbols object result)
  execute_process(COMMAND "${NM}" --demangle --defined-only "${object}" OUTPUT_VARIABLE text
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[0-9a-f]+ [VWu] [^\n]+" lines "${text}")
  list(TRANSFORM lines REPLACE "^[0-9a-f]+ [VWu] " "")
  set(${result} "${lines}" PARENT_SCOPE)
endfunction()

weak_symbols("${BASELINE}" baseline)
weak_symbols("${WIDE}" wide)
if(NOT baseline OR NOT wide)
  message(FATAL_ERROR "no weak symbols read: ${NM} ${BASELINE} ${WIDE}")
endif()
foreach(symbol IN LISTS baseline)
  if(symbol IN_LIST wide AND NOT symbol MATCHES "${allowed}")
    message(NOTICE "${symbol}")
    message(SEND_ERROR "shared between instruction sets")
  endif()
endforeach()
