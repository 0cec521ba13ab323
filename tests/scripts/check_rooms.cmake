# SPDX-License-Identifier: MIT
# Checks which headers of include/yarn/ include which others, and rules that hold for all headers.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_rooms.cmake
# With -DPRINT=ON it also prints the number of lines of each room and the includes between rooms.
cmake_minimum_required(VERSION 3.21)

# A room is a set of headers: those of a folder of include/yarn/detail/, and the public headers that
# the folder implements. For each room, <room>_holds is a regular expression of its headers, and
# <room>_uses lists the other rooms that its headers may include. Every other include is an error.
set(rooms base arithmetic simd scaling rows kernels rope umbrella prompts hf gguf adapters dispatch testing)

set(base_holds "detail/base/.*|version.hpp|error.hpp|types.hpp|views.hpp")
set(base_uses "")
set(arithmetic_holds "detail/arithmetic/.*|real.hpp")
set(arithmetic_uses base)
set(simd_holds "detail/simd/.*")
set(simd_uses base)
set(scaling_holds "detail/scaling/.*|scaling/.*|(scaling|softmax_scale|temperature|frequencies|axes).hpp")
set(scaling_uses base arithmetic)
set(rows_holds "detail/rows/.*|rows.hpp")
set(rows_uses base arithmetic simd scaling)
set(kernels_holds "detail/rope/rotate.hpp") # gets the rows as pointers
set(kernels_uses base simd)
set(rope_holds "detail/rope/.*|rope.hpp")
set(rope_uses base simd rows kernels)
set(umbrella_holds "yarn.hpp")
set(umbrella_uses base scaling rows rope)
# Opt-in rooms: yarn.hpp, the umbrella header, does not include them.
set(prompts_holds "detail/prompts/.*|prompt_positions.hpp")
set(prompts_uses base)
set(hf_holds "detail/hf/.*|hf_(config|types).hpp")
set(hf_uses base scaling)
set(gguf_holds "detail/gguf/.*|gguf(_types)?.hpp")
set(gguf_uses base scaling)
set(adapters_holds "detail/adapters/.*|(dim_order|eigen|dlpack|mdspan|ggml|onnxruntime).hpp")
set(adapters_uses base scaling rows rope)
set(dispatch_holds "detail/dispatch/.*|dispatch.hpp")
set(dispatch_uses base)
set(testing_holds "detail/testing/.*|testing/.*|testing.hpp")
set(testing_uses base scaling rows umbrella)

# Opt-in headers in other rooms.
set(opt_in "detail/base/text.hpp")

# xsimd takes longer to parse than everything else. Only this header includes it.
set(xsimd_includer detail/simd/pack.hpp)

# yarn.hpp and all headers that it includes must not include these headers of std, because the names
# of their instantiations do not depend on the compiler flags (detail/base/abi.hpp).
set(std_excluded "(vector|string|deque|list|map|set|unordered_map|unordered_set|algorithm|numeric)")
set(std_excluded "${std_excluded}|(functional|iostream|ostream|sstream)")

# Reserved names that the compiler defines. The headers may use these names and define none of them.
set(compiler_names
    "__(attribute__|cplusplus|has_[a-z_]+|builtin_[a-z0-9_]+|restrict(__)?|forceinline|declspec)"
    "__(cpuidex|get_cpuid_count|VA_ARGS__)"
    "__(extension__|u?int128(_t)?|pragma|assume|bf16|fp16|m(64|128|256|512)[a-z]*|mmask[0-9]+)"
    "_(Float16|Pragma|CMP_[A-Z_]+|MM_[A-Z_]+)")
list(JOIN compiler_names "|" compiler_names)

get_filename_component(root "${SOURCE_DIR}/include/yarn" ABSOLUTE)

macro(complain text)
  message(SEND_ERROR "rooms: ${header}: ${text}")
endmacro()

# Sets `result` to the room of `header`: the first one in the list that holds the header.
function(find_room header result)
  set(${result} "" PARENT_SCOPE)
  foreach(room IN LISTS rooms)
    if(header MATCHES "^(${${room}_holds})$")
      set(${result} ${room} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Splits the includes of `header` into those of our own headers, relative to `root`, and all others.
function(find_includes header own_result foreign_result)
  set(own "")
  set(foreign "")
  get_filename_component(directory "${root}/${header}" DIRECTORY)
  file(STRINGS "${root}/${header}" lines REGEX "^ *# *include")
  foreach(line IN LISTS lines)
    if(line MATCHES "\"([^\"]+)\"")
      get_filename_component(path "${directory}/${CMAKE_MATCH_1}" ABSOLUTE)
      file(RELATIVE_PATH path "${root}" "${path}")
      list(APPEND own "${path}")
    elseif(line MATCHES "<yarn/([^>]+)>")
      list(APPEND own "${CMAKE_MATCH_1}")
    elseif(line MATCHES "<([^>]+)>")
      list(APPEND foreign "${CMAKE_MATCH_1}")
    else()
      complain("cannot read '${line}'")
    endif()
  endforeach()
  set(${own_result} "${own}" PARENT_SCOPE)
  set(${foreign_result} "${foreign}" PARENT_SCOPE)
endfunction()

function(check_includes header)
  find_room("${header}" room)
  if(NOT room)
    complain("is in no room; tests/scripts/check_rooms.cmake has the list")
    return()
  endif()
  find_includes("${header}" own foreign)
  foreach(other IN LISTS own)
    find_room("${other}" other_room)
    if(NOT EXISTS "${root}/${other}")
      complain("includes ${other}, which does not exist")
    elseif(NOT other_room STREQUAL room AND NOT other_room IN_LIST ${room}_uses)
      complain("includes ${other}: the room ${room} may not use the room ${other_room}")
    elseif(NOT other_room STREQUAL room)
      set_property(GLOBAL APPEND PROPERTY arrows "${room} -> ${other_room}")
    endif()
  endforeach()
  foreach(other IN LISTS foreign)
    if(other MATCHES "xsimd" AND NOT header STREQUAL xsimd_includer)
      complain("includes ${other}; only ${xsimd_includer} may")
    elseif(other MATCHES "^(${std_excluded})$" AND header IN_LIST core)
      complain("includes <${other}>, whose instantiations clash between instruction sets")
    endif()
  endforeach()
endfunction()

# Sets `result` to `header` and all headers that it includes, directly or indirectly. Includes may
# form a circle, because a public header includes, at its end, the header that implements it.
function(find_reach header result)
  set(reach "")
  set(queue "${header}")
  while(queue)
    list(POP_FRONT queue next)
    if(NOT next IN_LIST reach AND EXISTS "${root}/${next}")
      list(APPEND reach "${next}")
      find_includes("${next}" more ignored)
      list(APPEND queue ${more})
    endif()
  endwhile()
  set(${result} "${reach}" PARENT_SCOPE)
endfunction()

# Checks that a header of detail/ has all includes at its top. Public headers are exempt, because
# they declare their API first and include the implementation at the end. The header that includes
# xsimd is exempt, too: it declares the packs first, because the files for the instruction sets need
# them.
function(check_order header)
  if(NOT header MATCHES "^detail/" OR header STREQUAL xsimd_includer)
    return()
  endif()
  file(READ "${root}/${header}" text)
  string(FIND "${text}" "\nnamespace " first_declaration)
  string(FIND "${text}" "\n#include " last_include REVERSE)
  if(first_declaration GREATER -1 AND first_declaration LESS last_include)
    complain("includes something below its first declaration")
  endif()
endfunction()

function(check_text header)
  file(READ "${root}/${header}" text)
  if(NOT text MATCHES "^// SPDX-License-Identifier: MIT\n")
    complain("does not begin with the SPDX line")
  endif()

  string(TOUPPER "YARN_${header}" guard)
  string(REGEX REPLACE "[^A-Z0-9_]" "_" guard "${guard}")
  if(NOT text MATCHES "\n#ifndef ${guard}\n#define ${guard}\n")
    complain("has no include guard ${guard}")
  endif()
  string(FIND "${text}" "\n#ifndef ${guard}\n" guard_begin)
  string(FIND "${text}" "\n#include " first_include)
  if(first_include GREATER -1 AND first_include LESS guard_begin)
    complain("includes something before its include guard")
  endif()

  # Comments, strings and preprocessor conditions may contain any name: conditions test macros of
  # the compiler.
  string(REPLACE "\\\n" " " text "${text}")
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  string(REGEX REPLACE "\"([^\"\\\n]|\\\\.)*\"" "" text "${text}")
  string(REGEX REPLACE "\n *# *(if|ifdef|ifndef|elif)[ (][^\n]*" "\n" text "${text}")
  string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_]*" names "${text}")
  list(REMOVE_DUPLICATES names)
  list(FILTER names INCLUDE REGEX "__|^_[A-Z]")
  list(FILTER names EXCLUDE REGEX "^(${compiler_names})$")
  if(names)
    complain("uses reserved names: ${names}")
  endif()
endfunction()

file(GLOB_RECURSE headers RELATIVE "${root}" "${root}/*")
if(NOT headers)
  message(FATAL_ERROR "rooms: no headers in ${root}")
endif()
find_reach(yarn.hpp core)
foreach(header IN LISTS headers)
  check_includes("${header}")
  check_order("${header}")
  check_text("${header}")
  # yarn.hpp must reach all headers of the rooms that it uses.
  find_room("${header}" room)
  if(room IN_LIST umbrella_uses AND NOT header IN_LIST core AND NOT header IN_LIST opt_in)
    complain("is not reached by yarn.hpp")
  endif()
endforeach()
set(header dispatch.hpp)
find_reach(dispatch.hpp reach)
if(xsimd_includer IN_LIST reach)
  complain("reaches ${xsimd_includer}; it is for sources that have no instruction set of their own")
endif()

if(PRINT)
  foreach(room IN LISTS rooms)
    set(lines 0)
    set(count 0)
    foreach(header IN LISTS headers)
      find_room("${header}" its_room)
      if(its_room STREQUAL room)
        file(READ "${root}/${header}" text)
        string(REGEX MATCHALL "\n" ends "${text}")
        list(LENGTH ends n)
        math(EXPR lines "${lines} + ${n}")
        math(EXPR count "${count} + 1")
      endif()
    endforeach()
    set(targets "")
    get_property(arrows GLOBAL PROPERTY arrows)
    foreach(arrow IN LISTS arrows)
      if(arrow MATCHES "^${room} -> (.*)$")
        list(APPEND targets "${CMAKE_MATCH_1}")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES targets)
    list(JOIN targets " " targets)
    message(STATUS "${room}: ${count} headers, ${lines} lines -> ${targets}")
  endforeach()
endif()
list(LENGTH headers count)
message(STATUS "rooms: ${count} headers read")
