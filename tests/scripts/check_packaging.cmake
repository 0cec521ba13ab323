# SPDX-License-Identifier: MIT
# Checks that the recipes in packaging/ can be parsed, and that they have the version and the
# dependencies of the sources.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_packaging.cmake
cmake_minimum_required(VERSION 3.21)

set(numbers "")
foreach(part IN ITEMS MAJOR MINOR PATCH)
  file(STRINGS "${SOURCE_DIR}/include/yarn/version.hpp" line REGEX "^#define YARN_VERSION_${part} ")
  string(REGEX REPLACE "[^0-9]" "" number "${line}")
  list(APPEND numbers "${number}")
endforeach()
list(JOIN numbers "." version)

# Sets `result` to a value of vcpkg.json. It is an error if the file is not JSON or lacks the value.
function(vcpkg_value result)
  file(READ "${SOURCE_DIR}/packaging/vcpkg/vcpkg.json" json)
  string(JSON value GET "${json}" ${ARGN})
  set(${result} "${value}" PARENT_SCOPE)
endfunction()

vcpkg_value(name name)
vcpkg_value(port_version version)
if(NOT name STREQUAL "yarn" OR NOT port_version STREQUAL version)
  message(FATAL_ERROR "packaging: vcpkg.json has ${name} ${port_version}, not yarn ${version}")
endif()

# cmake/yarn-xsimd.cmake defines the oldest version of xsimd. The other files repeat this version.
file(STRINGS "${SOURCE_DIR}/cmake/yarn-xsimd.cmake" line REGEX "^ *set\\(floor ")
if(NOT line MATCHES "set\\(floor ([0-9.]+)\\)")
  message(FATAL_ERROR "packaging: cmake/yarn-xsimd.cmake has no line set(floor <version>)")
endif()
set(floor "${CMAKE_MATCH_1}")
vcpkg_value(port_floor features xsimd dependencies 0 version>=)
if(NOT port_floor VERSION_EQUAL floor)
  message(FATAL_ERROR "packaging: vcpkg.json asks for xsimd ${port_floor}, not ${floor}")
endif()
foreach(pair IN ITEMS "packaging/conan/conanfile.py|xsimd/[>=${floor} <"
                      "cmake/yarn_install.cmake|xsimd >= ${floor}\"" "README.md| ${floor} or newer")
  string(REGEX REPLACE "\\|.*" "" file "${pair}")
  string(REGEX REPLACE "^[^|]*\\|" "" words "${pair}")
  file(READ "${SOURCE_DIR}/${file}" text)
  string(FIND "${text}" "${words}" place)
  if(place LESS 0)
    message(FATAL_ERROR "packaging: ${file} does not say '${words}'")
  endif()
endforeach()

# The conan recipe reads version.hpp. A second version in the recipe would override it.
file(STRINGS "${SOURCE_DIR}/packaging/conan/conanfile.py" literal REGEX "^ +version *=")
if(literal)
  message(FATAL_ERROR "packaging: conanfile.py has a version of its own: ${literal}")
endif()
find_program(python NAMES python3 python)
foreach(file IN ITEMS conanfile.py test_package/conanfile.py)
  if(python)
    set(path "${SOURCE_DIR}/packaging/conan/${file}")
    execute_process(COMMAND "${python}" -c "import ast, sys; ast.parse(open(sys.argv[1]).read())"
                            "${path}" RESULT_VARIABLE result ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "packaging: ${file} is not Python:\n${output}")
    endif()
  endif()
endforeach()
message(STATUS "packaging: yarn ${version}, xsimd ${floor}")
