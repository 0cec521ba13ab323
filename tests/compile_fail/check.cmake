# SPDX-License-Identifier: MIT
# Compiles SOURCE well and ill; see CMakeLists.txt.
cmake_minimum_required(VERSION 3.21)

separate_arguments(flags UNIX_COMMAND "${FLAGS}")
list(TRANSFORM INCLUDE_DIRS PREPEND "-I")
set(command "${COMPILER}" ${flags} ${INCLUDE_DIRS} -fsyntax-only)

execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the good variant does not compile:\n${output}")
endif()

file(STRINGS "${SOURCE}" expected REGEX "^// expect: ")
if(NOT expected)
  message(FATAL_ERROR "no line '// expect: <regex>' in ${SOURCE}")
endif()
string(REPLACE "// expect: " "" expected "${expected}")

execute_process(COMMAND ${command} -DYARN_EXPECT_FAILURE "${SOURCE}"
                RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "the bad variant compiles")
endif()
if(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "the bad variant fails without '${expected}':\n${output}")
endif()
