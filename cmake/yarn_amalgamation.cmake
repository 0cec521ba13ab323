# SPDX-License-Identifier: MIT
# The target `amalgamation` writes single_include/yarn.hpp in the build tree. tests/amalgamation
# compiles this file if YARN_BUILD_TESTS and YARN_BUILD_DIGEST are on and YARN_TEST_KERNELS_ONLY is
# off. With YARN_TEST_AMALGAMATION, all tests and examples use the file.
option(YARN_TEST_AMALGAMATION "Build tests and examples with the single header" OFF)

set(yarn_single_header "${PROJECT_BINARY_DIR}/single_include/yarn.hpp")
# The include directory of a build that uses the single header: each <yarn/...> header in this
# directory includes the single header, or is a copy of an opt-in header.
set(yarn_single_include_dir "${PROJECT_BINARY_DIR}/single_include/forward")
set(yarn_amalgamate "${CMAKE_COMMAND}" "-DOUTPUT=${yarn_single_header}"
                    "-DFORWARD_DIR=${yarn_single_include_dir}" -P
                    "${PROJECT_SOURCE_DIR}/cmake/amalgamate.cmake")

file(GLOB_RECURSE yarn_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/yarn/*.hpp"
     "${PROJECT_SOURCE_DIR}/include/yarn/*.h")
add_custom_command(
  OUTPUT "${yarn_single_header}"
  COMMAND ${yarn_amalgamate}
  DEPENDS ${yarn_headers} cmake/amalgamate.cmake LICENSE
  COMMENT "Writing single_include/yarn.hpp"
  VERBATIM)
add_custom_target(amalgamation DEPENDS "${yarn_single_header}")

if(YARN_TEST_AMALGAMATION)
  execute_process(COMMAND ${yarn_amalgamate} COMMAND_ERROR_IS_FATAL ANY)
  set(yarn_include_dir "${yarn_single_include_dir}")
endif()
