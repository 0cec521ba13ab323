# SPDX-License-Identifier: MIT
# Compiles the good and the bad variant of SOURCE; see CMakeLists.txt.
cmake_minimum_required(VERSION 3.21)

separate_arguments(flags UNIX_COMMAND "${FLAGS}")
list(TRANSFORM INCLUDE_DIRS PREPEND "-I")
# A line `// flags: <flags>` of the source adds compiler flags.
file(STRINGS "${SOURCE}" more REGEX "^// flags: ")
string(REPLACE "// flags: " "" more "${more}")
separate_arguments(more UNIX_COMMAND "${more}")
set(command "${COMPILER}" ${flags} ${more} ${INCLUDE_DIRS} -fsyntax-only)

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
  message(FATAL_ERROR "the bad variant fails, but no error matches '${expected}':\n${output}")
endif()

# With a line `// errors: N` the compiler must print exactly N errors: our sentence, and no errors
# from inside the library.
file(STRINGS "${SOURCE}" limit REGEX "^// errors: ")
if(limit)
  string(REPLACE "// errors: " "" limit "${limit}")
  string(REGEX MATCHALL "error:" errors "${output}")
  list(LENGTH errors count)
  if(NOT count EQUAL limit)
    message(FATAL_ERROR "the bad variant gives ${count} errors, and ${limit} are expected:\n${output}")
  endif()
endif()
