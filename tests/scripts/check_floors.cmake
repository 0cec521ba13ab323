# SPDX-License-Identifier: MIT
# Checks how the headers of include/yarn/ stand on each other, and what they have in common.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_floors.cmake
#
# A header includes lower floors and, where its own floor has an order, what stands before it there:
# it can be read with nothing but those in mind, and no two headers include each other.
cmake_minimum_required(VERSION 3.21)

# A floor a line, from the ground; on a floor, patterns in order, whose matches stand side by side.
# A header without a place is an error: give it one here.
set(floors
    "version.hpp detail/base/config.hpp detail/base/abi.hpp" # 1
    "error.hpp types.hpp views.hpp detail/base/buffer.hpp" # 2
    "detail/arithmetic/u128.hpp real.hpp detail/(phase|half).hpp detail/simd/scalar.hpp \
detail/simd/pack.hpp detail/simd_(permute|octant|bfloat16).hpp detail/simd/element.hpp" # 3
    "detail/rows/kernel.hpp detail/rotate[a-z0-9_]*.hpp \
scaling/spectrum.hpp scaling/correction_range.hpp scaling/(ntk|yarn).hpp scaling/[a-z0-9_]+.hpp" # 4
    "scaling.hpp" # 5
    "frequencies.hpp softmax_scale.hpp" # 6
    "rows.hpp" # 7
    "detail/rope/loop.hpp detail/rope/check.hpp rope.hpp" # 8
    "yarn.hpp" # 9
    # Not in the umbrella: whoever wants one of these includes it.
    "detail/hf/value.hpp detail/hf/model.hpp detail/hf_(method|layers).hpp detail/hf/shape.hpp \
hf_config.hpp \
detail/gguf/architectures.hpp detail/gguf/keys.hpp detail/gguf/scaling.hpp gguf.hpp \
detail/adapters/axes.hpp (ggml|eigen|dlpack|mdspan|onnxruntime|dispatch).hpp \
testing/report.hpp testing/expectation.hpp \
detail/testing_(candidates|observation).hpp detail/testing_(layout|search).hpp \
detail/testing/judge.hpp detail/testing_(inv_freq|rotation).hpp testing.hpp") # 10

# The two legs, which never meet below rope.hpp, not even through a third header.
set(numbers "scaling.hpp|scaling/.*|frequencies.hpp|softmax_scale.hpp|rows.hpp")
string(APPEND numbers "|detail/(real|phase|row_kernel).hpp")
set(kernels "detail/rotate[a-z0-9_]*.hpp")

# xsimd costs more to parse than all the rest: one header pays.
set(xsimd_includer detail/simd/pack.hpp)

# No instantiation of these carries the flags it was compiled with in its name; see detail/base/abi.hpp.
set(std_excluded "(vector|string|deque|list|map|set|unordered_map|unordered_set|algorithm|numeric)")
set(std_excluded "${std_excluded}|(functional|iostream|ostream|sstream)")

# Names that are reserved for the compiler, and are its own: we use them and define none.
set(compiler_names
    "__(attribute__|cplusplus|has_[a-z_]+|builtin_[a-z0-9_]+|restrict(__)?|forceinline|declspec)"
    "__(cpuid(ex|_count)|VA_ARGS__)"
    "__(extension__|u?int128(_t)?|pragma|assume|bf16|fp16|m(64|128|256|512)[a-z]*|mmask[0-9]+)"
    "_(Float16|Pragma|CMP_[A-Z_]+|MM_[A-Z_]+)")
list(JOIN compiler_names "|" compiler_names)

get_filename_component(root "${SOURCE_DIR}/include/yarn" ABSOLUTE)

macro(complain text)
  message(SEND_ERROR "floors: ${header}: ${text}")
endmacro()

# The place of `header` in the table, counted through; 0 where it has none.
function(find_place header result)
  set(${result} 0 PARENT_SCOPE)
  set(place 0)
  foreach(floor IN LISTS floors)
    separate_arguments(patterns UNIX_COMMAND "${floor}")
    foreach(pattern IN LISTS patterns)
      math(EXPR place "${place} + 1")
      if(header MATCHES "^${pattern}$")
        set(${result} ${place} PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
endfunction()

# Splits the includes of `header` into our own, relative to `root`, and everybody else's.
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

find_place(yarn.hpp umbrella_place)

function(check_includes header)
  find_place("${header}" place)
  if(place EQUAL 0)
    complain("has no floor; give it one in tests/scripts/check_floors.cmake")
    return()
  endif()
  find_includes("${header}" own foreign)
  foreach(other IN LISTS own)
    find_place("${other}" other_place)
    if(NOT EXISTS "${root}/${other}")
      complain("includes ${other}, which does not exist")
    elseif(NOT other_place LESS place)
      complain("includes ${other}, which stands above or beside it")
    endif()
  endforeach()
  foreach(other IN LISTS foreign)
    if(other MATCHES "xsimd" AND NOT header STREQUAL xsimd_includer)
      complain("includes ${other}; only ${xsimd_includer} may")
    elseif(other MATCHES "^(${std_excluded})$" AND NOT place GREATER umbrella_place)
      complain("includes <${other}>, whose instantiations clash between instruction sets")
    endif()
  endforeach()
endfunction()

# The legs stay apart, and the umbrella misses nothing.
function(check_reach header)
  set(reach "")
  find_includes("${header}" queue ignored)
  while(queue)
    list(POP_FRONT queue next)
    if(NOT next IN_LIST reach AND EXISTS "${root}/${next}")
      list(APPEND reach "${next}")
      find_includes("${next}" more ignored)
      list(APPEND queue ${more})
    endif()
  endwhile()
  foreach(other IN LISTS reach)
    if((header MATCHES "^(${numbers})$" AND other MATCHES "^(${kernels})$")
       OR (header MATCHES "^(${kernels})$" AND other MATCHES "^(${numbers})$"))
      complain("reaches ${other}, which is on the other leg")
    endif()
  endforeach()
  if(header STREQUAL "dispatch.hpp" AND xsimd_includer IN_LIST reach)
    complain("reaches ${xsimd_includer}; it is for sources that have no instruction set of their own")
  endif()
  if(header STREQUAL "yarn.hpp")
    foreach(other IN LISTS headers)
      find_place("${other}" place)
      if(place LESS umbrella_place AND NOT other IN_LIST reach)
        complain("does not reach ${other}")
      endif()
    endforeach()
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

  # Comments, strings and conditions (which ask for the compiler's macros) may name what they like.
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
  message(FATAL_ERROR "floors: no headers in ${root}")
endif()
foreach(header IN LISTS headers)
  check_includes("${header}")
  check_reach("${header}")
  check_text("${header}")
endforeach()
list(LENGTH headers count)
message(STATUS "floors: ${count} headers read")
