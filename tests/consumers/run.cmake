# SPDX-License-Identifier: MIT
# Configures, builds and runs PROJECT with the yarn installed in PREFIX. Variables:
#   SOURCE_DIR     the sources, for projects that contain yarn
#   BUILD_TREE     uses the package of the build tree YARN_BINARY_DIR
#   ABSOLUTE_DIRS  uses a package that is installed into absolute directories
#   OPTIONS        more options for configuring PROJECT
#   REFUSAL        configuring must fail with a message that matches this regular expression
cmake_minimum_required(VERSION 3.21)

function(run_command)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(NOTICE "${command}\n${output}") # CMake would wrap the lines of an error message
    message(FATAL_ERROR "${ARGV0} failed")
  endif()
endfunction()

# Starts with an empty folder, so that no package or cache entry of an earlier run is used.
file(REMOVE_RECURSE "${WORK_DIR}")
set(build "${WORK_DIR}/build")
set(compiler -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
             -DCMAKE_BUILD_TYPE=) # without optimisation, which saves seconds

if(PROJECT STREQUAL "add_subdirectory")
  set(where "-DYARN_SOURCE_DIR=${SOURCE_DIR}" "-DYARN_NO_XSIMD=${NO_XSIMD}")
elseif(PROJECT STREQUAL "fetch_content")
  set(where "-DFETCHCONTENT_SOURCE_DIR_YARN=${SOURCE_DIR}" "-DYARN_NO_XSIMD=${NO_XSIMD}")
elseif(BUILD_TREE)
  set(where "-Dyarn_DIR=${YARN_BINARY_DIR}")
elseif(ABSOLUTE_DIRS)
  set(PREFIX "${WORK_DIR}/data")
  # Uses a copy: the build folder may be inside the sources, and CMake refuses to install headers
  # there.
  file(COPY "${SOURCE_DIR}/CMakeLists.txt" "${SOURCE_DIR}/cmake" "${SOURCE_DIR}/include"
       DESTINATION "${WORK_DIR}/source")
  run_command("${CMAKE_COMMAND}" -S "${WORK_DIR}/source" -B "${WORK_DIR}/yarn" ${compiler}
           "-DYARN_NO_XSIMD=${NO_XSIMD}" -DYARN_BUILD_TESTS=OFF -DYARN_BUILD_BENCH=OFF
           -DYARN_BUILD_EXAMPLES=OFF "-DCMAKE_INSTALL_PREFIX=${WORK_DIR}/elsewhere"
           "-DCMAKE_INSTALL_INCLUDEDIR=${WORK_DIR}/headers/include"
           "-DCMAKE_INSTALL_DATADIR=${PREFIX}/share")
  run_command("${CMAKE_COMMAND}" --install "${WORK_DIR}/yarn")
  set(where "-DCMAKE_PREFIX_PATH=${PREFIX}")
else()
  set(where "-DCMAKE_PREFIX_PATH=${PREFIX}")
endif()

set(configure "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${PROJECT}" -B "${build}" ${compiler}
              "-DYARN_EXPECTED_VERSION=${VERSION}" "-DYARN_EXPECT_NO_XSIMD=${NO_XSIMD}" ${where}
              ${OPTIONS})

if(REFUSAL)
  execute_process(COMMAND ${configure} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}") # CMake wraps messages
  if(result EQUAL 0)
    message(FATAL_ERROR "configured, but should have been refused")
  elseif(NOT output MATCHES "${REFUSAL}")
    message(FATAL_ERROR "refused, but no message matches '${REFUSAL}':\n${output}")
  endif()
  return()
endif()

run_command(${configure})
run_command("${CMAKE_COMMAND}" --build "${build}")
run_command("${build}/consumer")
foreach(program dispatching engine_test)
  if(EXISTS "${build}/${program}")
    run_command("${build}/${program}")
  endif()
endforeach()
