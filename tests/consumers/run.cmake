# SPDX-License-Identifier: MIT
# Configures, builds and runs PROJECT with yarn from PREFIX, or from SOURCE_DIR for the projects
# add_subdirectory and fetch_content. With BUILD_TREE it uses the package of a build tree, with
# ABSOLUTE_DIRS a package installed into absolute directories. With REFUSAL, configuring must fail
# with a message that matches REFUSAL.
cmake_minimum_required(VERSION 3.21)

function(run_step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(NOTICE "${command}\n${output}") # separate, because CMake wraps error messages
    message(FATAL_ERROR "${ARGV0} failed")
  endif()
endfunction()

# Removes the results of an earlier run, because CMake could use its packages and cache entries.
file(REMOVE_RECURSE "${WORK_DIR}")
set(build "${WORK_DIR}/build")
set(compiler -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
             -DCMAKE_BUILD_TYPE=) # no optimisation, which saves seconds

if(PROJECT STREQUAL "add_subdirectory")
  set(where "-DYARN_SOURCE_DIR=${SOURCE_DIR}" "-DYARN_NO_XSIMD=${NO_XSIMD}")
elseif(PROJECT STREQUAL "fetch_content")
  set(where "-DFETCHCONTENT_SOURCE_DIR_YARN=${SOURCE_DIR}" "-DYARN_NO_XSIMD=${NO_XSIMD}")
elseif(BUILD_TREE)
  set(where "-Dyarn_DIR=${YARN_BINARY_DIR}")
elseif(ABSOLUTE_DIRS)
  set(PREFIX "${WORK_DIR}/data")
  # Copies the sources, because CMake does not install into a folder of the sources, and the build
  # folder may be in the sources.
  file(COPY "${SOURCE_DIR}/CMakeLists.txt" "${SOURCE_DIR}/cmake" "${SOURCE_DIR}/include"
       DESTINATION "${WORK_DIR}/source")
  run_step("${CMAKE_COMMAND}" -S "${WORK_DIR}/source" -B "${WORK_DIR}/yarn" ${compiler}
           "-DYARN_NO_XSIMD=${NO_XSIMD}" -DYARN_BUILD_TESTS=OFF -DYARN_BUILD_BENCH=OFF
           -DYARN_BUILD_EXAMPLES=OFF "-DCMAKE_INSTALL_PREFIX=${WORK_DIR}/elsewhere"
           "-DCMAKE_INSTALL_INCLUDEDIR=${WORK_DIR}/headers/include"
           "-DCMAKE_INSTALL_DATADIR=${PREFIX}/share")
  run_step("${CMAKE_COMMAND}" --install "${WORK_DIR}/yarn")
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
    message(FATAL_ERROR "refused without '${REFUSAL}':\n${output}")
  endif()
  return()
endif()

run_step(${configure})
run_step("${CMAKE_COMMAND}" --build "${build}")
run_step("${build}/consumer")
foreach(program dispatching engine_test)
  if(EXISTS "${build}/${program}")
    run_step("${build}/${program}")
  endif()
endforeach()
