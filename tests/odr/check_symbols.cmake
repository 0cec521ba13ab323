# SPDX-License-Identifier: MIT
# Checks that no two parts emit the same function or data, because the linker keeps only one of the
# two. Three kinds are allowed: the error of an empty std::variant, which no working program
# executes; what the compiler emits for exceptions (__gxx_personality_v0, __clang_call_terminate);
# and tags of the standard library, which are objects without content. OBJECTS is a list with
# commas.
cmake_minimum_required(VERSION 3.21)

set(allowed "bad_variant_access|__gxx_personality_v0|__clang_call_terminate|std::exception::exception")
string(APPEND allowed "|^std::in_place_index<[0-9]+ul>$")

string(REPLACE "," ";" OBJECTS "${OBJECTS}")
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND "${NM}" --demangle --defined-only "${object}" OUTPUT_VARIABLE text
                  COMMAND_ERROR_IS_FATAL ANY)
  # V, W and u are the kinds of weak symbols. The name follows the kind and may contain spaces.
  string(REGEX MATCHALL "[0-9a-f]+ [VWu] [^\n]+" symbols "${text}")
  list(TRANSFORM symbols REPLACE "^[0-9a-f]+ [VWu] " "")
  list(REMOVE_DUPLICATES symbols) # a constructor has two symbols with one name
  if(NOT symbols)
    message(FATAL_ERROR "no weak symbols read: ${NM} ${object}")
  endif()
  foreach(symbol IN LISTS symbols)
    if(DEFINED "first_with_${symbol}" AND NOT symbol MATCHES "${allowed}")
      message(NOTICE "${symbol}")
      message(SEND_ERROR "shared by ${first_with_${symbol}} and ${object}")
    endif()
    set("first_with_${symbol}" "${object}")
  endforeach()
endforeach()
