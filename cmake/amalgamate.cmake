# SPDX-License-Identifier: MIT
# Writes <yarn/yarn.hpp> with all its includes into one file, which needs only xsimd:
#
#     cmake -DOUTPUT=yarn.hpp -P cmake/amalgamate.cmake
#
# Every header keeps its include guard, so opt-in headers (yarn/dispatch.hpp …) can be included
# before or after this single header, and define nothing twice.
#
# -DFORWARD_DIR=<dir> also writes headers into <dir>/yarn/. A header whose text is in the single
# header has one line there, which includes the single header. Opt-in headers are copies. With <dir>
# as include path, all code that includes the headers is compiled with the single header.
cmake_minimum_required(VERSION 3.21)

if(NOT OUTPUT)
  message(FATAL_ERROR "amalgamate: -DOUTPUT=<file> is missing")
endif()
get_filename_component(OUTPUT "${OUTPUT}" ABSOLUTE)
get_filename_component(source_dir "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
set(root "${source_dir}/include/yarn")

function(append text)
  set_property(GLOBAL APPEND_STRING PROPERTY yarn_text "${text}")
endfunction()

# Appends `header`, a path relative to `root`. The first #include of each of our own headers is
# replaced by the text of that header. Later ones are left out, as with an include guard.
function(append_header header)
  get_property(headers GLOBAL PROPERTY yarn_headers)
  if(header IN_LIST headers)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY yarn_headers "${header}")

  get_filename_component(directory "${root}/${header}" DIRECTORY)
  file(READ "${root}/${header}" rest)
  string(REPLACE "// SPDX-License-Identifier: MIT\n" "" rest "${rest}")
  append("\n// ---- yarn/${header}\n")
  while(rest MATCHES "(^|\n)#include \"([^\"\n]+)\"[^\n]*\n")
    set(line "${CMAKE_MATCH_0}")
    get_filename_component(path "${directory}/${CMAKE_MATCH_2}" ABSOLUTE)
    file(RELATIVE_PATH path "${root}" "${path}")
    string(FIND "${rest}" "${line}" begin)
    string(LENGTH "${line}" length)
    math(EXPR end "${begin} + ${length}")
    string(SUBSTRING "${rest}" 0 ${begin} before)
    string(SUBSTRING "${rest}" ${end} -1 rest)
    append("${before}\n")
    append_header("${path}")
    string(PREPEND rest "\n") # the next include may be in the next line
  endwhile()
  append("${rest}")
endfunction()

file(STRINGS "${root}/version.hpp" version REGEX "^#define YARN_VERSION_[A-Z]+ [0-9]+$")
string(REGEX REPLACE "[^0-9;]" "" version "${version}")
string(REPLACE ";" "." version "${version}")
file(READ "${source_dir}/LICENSE" license)
string(STRIP "${license}" license)
string(REGEX REPLACE "\n" "\n// " license "\n${license}")
string(REGEX REPLACE " +\n" "\n" license "${license}")
append("// SPDX-License-Identifier: MIT
// yarn ${version}: all of <yarn/yarn.hpp> in one file. Made by cmake/amalgamate.cmake; change the
// headers that it was made from.
//${license}
")
append_header(yarn.hpp)

get_property(text GLOBAL PROPERTY yarn_text)
if(text MATCHES "\n *# *include *(\"[^\n]*|<yarn/[^\n]*)")
  message(FATAL_ERROR "amalgamate: left over: ${CMAKE_MATCH_0}")
endif()
string(REGEX REPLACE "\n\n\n+" "\n\n" text "${text}")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL text) # otherwise everything would be compiled again
  file(WRITE "${OUTPUT}" "${text}")
endif()

if(FORWARD_DIR)
  get_property(headers GLOBAL PROPERTY yarn_headers)
  file(GLOB_RECURSE all RELATIVE "${root}" "${root}/*.hpp" "${root}/*.h")
  foreach(header IN LISTS all)
    if(header IN_LIST headers)
      file(CONFIGURE OUTPUT "${FORWARD_DIR}/yarn/${header}" CONTENT "#include \"${OUTPUT}\"\n")
    else()
      configure_file("${root}/${header}" "${FORWARD_DIR}/yarn/${header}" COPYONLY)
    endif()
  endforeach()
endif()
