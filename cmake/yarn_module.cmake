# SPDX-License-Identifier: MIT
# Adds the target yarn::module, a static library that compiles the C++20 module yarn (yarn.cppm).
# Included by the build of yarn with YARN_MODULE=ON, and by find_package(yarn COMPONENTS module).
#
# The package installs the module as a source. So every project compiles it with its own flags, as
# it compiles the headers: a compiled module would fix the instruction set.

# Sets `error` to the reason why the module cannot be built here, or to an empty string.
function(yarn_module_error error)
  set(reason "")
  set(version "${CMAKE_CXX_COMPILER_VERSION}")
  if(CMAKE_VERSION VERSION_LESS 3.28)
    set(reason "CMake 3.28 or newer, and this is ${CMAKE_VERSION}")
  elseif(NOT CMAKE_GENERATOR MATCHES "Ninja|Visual Studio")
    set(reason "the generator Ninja, and this is ${CMAKE_GENERATOR}")
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND version VERSION_LESS 16)
    set(reason "g++ 16 or newer, and this is ${version}")
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT YARN_NO_XSIMD
         AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i[3-6]86")
    set(reason "YARN_NO_XSIMD=ON with g++ on ${CMAKE_SYSTEM_PROCESSOR}")
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND version VERSION_LESS 19)
    set(reason "clang 19 or newer, and this is ${version}")
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND version VERSION_LESS 22 AND NOT YARN_NO_XSIMD)
    # Older versions do not find the intrinsics, which are static functions, in an importer.
    set(reason "clang 22 or newer, or YARN_NO_XSIMD=ON, and this is clang ${version}")
  endif()
  if(reason)
    set(reason "the module yarn needs ${reason}")
  endif()
  set(${error} "${reason}" PARENT_SCOPE)
endfunction()

# Adds the target. yarn::yarn must exist.
function(yarn_add_module)
  if(TARGET yarn_module)
    return()
  endif()
  get_target_property(dirs yarn::yarn INTERFACE_INCLUDE_DIRECTORIES)
  foreach(dir IN LISTS dirs)
    string(REGEX REPLACE "^\\$<BUILD_INTERFACE:(.*)>$" "\\1" dir "${dir}")
    if(EXISTS "${dir}/yarn/yarn.cppm")
      set(include_dir "${dir}")
    endif()
  endforeach()
  if(NOT include_dir)
    message(FATAL_ERROR "yarn_add_module: no yarn/yarn.cppm in ${dirs}")
  endif()
  add_library(yarn_module STATIC EXCLUDE_FROM_ALL)
  add_library(yarn::module ALIAS yarn_module)
  target_sources(yarn_module PUBLIC FILE_SET CXX_MODULES BASE_DIRS "${include_dir}" FILES
                                    "${include_dir}/yarn/yarn.cppm")
  target_compile_features(yarn_module PUBLIC cxx_std_20)
  target_link_libraries(yarn_module PUBLIC yarn::yarn)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT YARN_NO_XSIMD)
    target_compile_definitions(yarn_module PRIVATE YARN_IMPORTERS_INCLUDE_IMMINTRIN)
    # For C++ only, because the target may contain sources of other languages.
    target_compile_options(
      yarn_module INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include immintrin.h>")
  endif()
endfunction()
