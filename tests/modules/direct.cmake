# SPDX-License-Identifier: MIT
# Compiles the module yarn, and a program that imports it, with plain commands of clang. Runs the
# program. Variables: CLANG, WORK_DIR, and FLAGS (include directories, YARN_NO_XSIMD).
cmake_minimum_required(VERSION 3.21)

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
set(clang "${CLANG}" -std=c++20 -Wall -Wextra -Wpedantic -Werror -I "${SOURCE_DIR}/include" ${FLAGS})

function(run_command)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${WORK_DIR}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run_command(${clang} --precompile "${SOURCE_DIR}/include/yarn/yarn.cppm" -o yarn.pcm)
run_command(${clang} -fmodule-file=yarn=yarn.pcm "${SOURCE_DIR}/tests/modules/import_only.cpp"
            yarn.pcm -o import_only)
run_command("${WORK_DIR}/import_only")

# A source with other flags than the module must be refused.
execute_process(
  COMMAND ${clang} -fmodule-file=yarn=yarn.pcm "-DYARN_ASSERT(condition)=static_cast<void>(0)"
          -fsyntax-only "${SOURCE_DIR}/tests/modules/import_only.cpp"
  WORKING_DIRECTORY "${WORK_DIR}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0 OR NOT output MATCHES "compile the module yarn with the flags of the source")
  message(FATAL_ERROR "module: other flags are not refused:\n${output}")
endif()
