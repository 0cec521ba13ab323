# SPDX-License-Identifier: MIT
# yarn_add_c_api builds the functions of yarn/c_api.h as a library, with run-time dispatch.
include_guard(GLOBAL)
include(CheckLinkerFlag)

# yarn_add_c_api(<target> [SHARED|STATIC] [NO_JSON] [ISAS <isa>...])
#
# Adds the library <target>; STATIC is the default. C and C++ targets that link <target> can include
# <yarn/c_api.h>. A shared library exports the functions yarn_... and nothing else. ISAS are those
# of yarn_add_dispatch. The readers of config.json need nlohmann-json 3.7 or newer; NO_JSON leaves
# them out.
function(yarn_add_c_api target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SHARED;STATIC;NO_JSON" "" "ISAS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "yarn_add_c_api: unknown arguments '${arg_UNPARSED_ARGUMENTS}'")
  elseif(arg_SHARED AND arg_STATIC)
    message(FATAL_ERROR "yarn_add_c_api: a library is either SHARED or STATIC")
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/yarn_c_api/${target}")
  set(text "#define YARN_C_API_IMPLEMENTATION\n#define YARN_C_API_HAS_PARTS\n")
  file(CONFIGURE OUTPUT "${folder}/c_api.cpp" CONTENT "${text}#include <yarn/c_api.h>\n" @ONLY)
  file(CONFIGURE OUTPUT "${folder}/part.cpp"
       CONTENT "#include <yarn/detail/c_api/part.hpp>\n" @ONLY)

  if(arg_SHARED)
    add_library(${target} SHARED "${folder}/c_api.cpp")
    target_compile_definitions(${target} PUBLIC YARN_C_API_SHARED)
    # Templates of the standard library would be exported in spite of hidden visibility.
    if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF")
      file(CONFIGURE OUTPUT "${folder}/exports" CONTENT "{ global: yarn_*; local: *; };\n" @ONLY)
      set(flag "-Wl,--version-script=${folder}/exports")
      check_linker_flag(CXX "${flag}" YARN_C_API_CAN_LIMIT_EXPORTS)
      if(YARN_C_API_CAN_LIMIT_EXPORTS)
        target_link_options(${target} PRIVATE "${flag}")
        set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${folder}/exports")
      endif()
    endif()
  else()
    add_library(${target} STATIC "${folder}/c_api.cpp")
  endif()
  set_target_properties(
    ${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                         POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${target} PRIVATE yarn::yarn)
  # Only the include directory: yarn::yarn requires C++17, which a C target does not have.
  target_include_directories(
    ${target} INTERFACE "$<TARGET_PROPERTY:yarn::yarn,INTERFACE_INCLUDE_DIRECTORIES>")
  if(arg_NO_JSON)
    target_compile_definitions(${target} PRIVATE YARN_C_API_NO_JSON)
  else()
    find_package(nlohmann_json 3.7 QUIET)
    if(NOT nlohmann_json_FOUND)
      message(FATAL_ERROR "yarn_add_c_api: nlohmann-json 3.7 or newer was not found; install it, \
or pass NO_JSON to leave out the readers of config.json")
    endif()
    target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json)
  endif()

  if(DEFINED arg_ISAS)
    yarn_add_dispatch(${target} SOURCES "${folder}/part.cpp" ISAS ${arg_ISAS})
  else()
    yarn_add_dispatch(${target} SOURCES "${folder}/part.cpp")
  endif()
endfunction()
