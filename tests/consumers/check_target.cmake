# SPDX-License-Identifier: MIT
# Included by the consumers. Checks that yarn::yarn adds include directories, a C++ standard and, in
# a build without xsimd, the definition YARN_NO_XSIMD, and nothing else.
foreach(property IN ITEMS COMPILE_OPTIONS LINK_LIBRARIES LINK_OPTIONS SOURCES PRECOMPILE_HEADERS)
  get_target_property(value yarn::yarn INTERFACE_${property})
  if(value)
    message(FATAL_ERROR "yarn::yarn has INTERFACE_${property} '${value}'")
  endif()
endforeach()

get_target_property(features yarn::yarn INTERFACE_COMPILE_FEATURES)
if(NOT features STREQUAL "cxx_std_17")
  message(FATAL_ERROR "yarn::yarn asks for '${features}'")
endif()

# yarn::testing adds nothing to yarn::yarn.
get_target_property(libraries yarn::testing INTERFACE_LINK_LIBRARIES)
if(NOT libraries MATCHES "^(yarn::)?yarn$")
  message(FATAL_ERROR "yarn::testing links '${libraries}'")
endif()

# consumer.cpp checks whether YARN_NO_XSIMD is defined.
get_target_property(definitions yarn::yarn INTERFACE_COMPILE_DEFINITIONS)
string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" definitions "${definitions}")
if(definitions AND NOT definitions MATCHES "^YARN_NO_XSIMD(;YARN_NO_XSIMD)*$")
  message(FATAL_ERROR "yarn::yarn defines '${definitions}'")
endif()
