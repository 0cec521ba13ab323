# SPDX-License-Identifier: MIT
# Installs yarn, checks the installed files, and moves them to PREFIX. No file in share/ may contain
# the path of the folder where yarn was installed first, of the sources or of the build folder.
cmake_minimum_required(VERSION 3.21)

file(REMOVE_RECURSE "${WORK_DIR}" "${PREFIX}")
set(first "${WORK_DIR}/before-the-move")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${YARN_BINARY_DIR}" --prefix "${first}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# All headers must be there, including the opt-in headers, and nothing else.
file(GLOB_RECURSE ours RELATIVE "${SOURCE_DIR}/include" "${SOURCE_DIR}/include/*")
file(GLOB_RECURSE installed RELATIVE "${first}/include" "${first}/include/*")
foreach(name IN ITEMS yarn/yarn.hpp yarn/yarn.cppm yarn/dispatch.hpp yarn/detail/base/abi.hpp)
  if(NOT name IN_LIST installed)
    message(FATAL_ERROR "${name} is not installed")
  endif()
endforeach()
if(NOT ours STREQUAL installed)
  message(FATAL_ERROR "the headers are\n${ours}\nand installed are\n${installed}")
endif()

# The package does not depend on the architecture, so nothing is below lib.
file(GLOB_RECURSE other RELATIVE "${first}" "${first}/*")
list(FILTER other EXCLUDE REGEX "^(include/yarn|share/cmake/yarn|share/pkgconfig)/")
if(other)
  message(FATAL_ERROR "also installed are ${other}")
endif()
file(GLOB_RECURSE package "${first}/share/*")
list(LENGTH package count)
if(count LESS 8) # config, version, targets, xsimd, dispatch, c_api, module, pkg-config
  message(FATAL_ERROR "the package is ${package}")
endif()
foreach(file IN LISTS package)
  file(READ "${file}" text)
  foreach(place IN ITEMS "${first}" "${SOURCE_DIR}" "${YARN_BINARY_DIR}")
    string(FIND "${text}" "${place}" found)
    if(NOT found EQUAL -1)
      message(FATAL_ERROR "${file} names ${place}")
    endif()
  endforeach()
endforeach()

file(RENAME "${first}" "${PREFIX}")
