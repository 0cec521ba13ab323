# SPDX-License-Identifier: MIT
# Compares the versions in version.hpp, in CHANGELOG.md and, if HEAD has one, in the release tag.
# Run: cmake -DSOURCE_DIR=. -P tests/scripts/check_version.cmake
cmake_minimum_required(VERSION 3.21)

file(STRINGS "${SOURCE_DIR}/include/yarn/version.hpp" lines REGEX "^#define YARN_VERSION_[A-Z]+ [0-9]+$")
list(JOIN lines "\n" lines)
if(NOT lines MATCHES "_MAJOR ([0-9]+)\n.*_MINOR ([0-9]+)\n.*_PATCH ([0-9]+)$")
  message(FATAL_ERROR "version: cannot read include/yarn/version.hpp")
endif()
set(version "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")

# CHANGELOG.md has its newest entry first. A heading is "## [Unreleased]" or "## [1.2.3] - date".
file(STRINGS "${SOURCE_DIR}/CHANGELOG.md" entries REGEX "^## ")
list(TRANSFORM entries REPLACE "^## \\[?([A-Za-z0-9.]+).*" "\\1")
list(GET entries 0 top)

set(released "${top}")
if(top STREQUAL "Unreleased")
  set(released "0.0.0")
  list(LENGTH entries count)
  if(count GREATER 1)
    list(GET entries 1 released)
  endif()
  # Between releases the header may already have the next version, but never an earlier one.
  if(version VERSION_LESS released)
    message(FATAL_ERROR "version: version.hpp says ${version}, but ${released} is released")
  endif()
elseif(NOT top STREQUAL version)
  message(FATAL_ERROR "version: version.hpp says ${version}, CHANGELOG.md begins with ${top}")
endif()

find_program(git git)
if(git AND EXISTS "${SOURCE_DIR}/.git")
  execute_process(COMMAND "${git}" -C "${SOURCE_DIR}" describe --exact-match --tags --match "v[0-9]*"
                  OUTPUT_VARIABLE tag ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(tag AND NOT (tag STREQUAL "v${version}" AND top STREQUAL version))
    message(FATAL_ERROR "version: tag ${tag}, version.hpp ${version}, CHANGELOG.md ${top}")
  endif()
endif()
message(STATUS "version: ${version}, CHANGELOG.md begins with ${top}")
