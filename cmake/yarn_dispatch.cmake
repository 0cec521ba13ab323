# SPDX-License-Identifier: MIT
# yarn_add_dispatch compiles one source for several instruction sets. At run time, yarn/dispatch.hpp
# chooses one of the results (the parts).
include_guard(GLOBAL)
include(CheckCXXSourceCompiles)

# Sets `flags` to the flags that the compiler needs for `isa` in addition to those of the whole
# program, and `macros` to the macros that the compiler must then define. Each extension has its own
# flag: g++ 10 does not know -march=x86-64-v3, and -march would remove extensions that the program's
# own flags enable.
function(yarn_dispatch_flags isa flags macros)
  set(v3 -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mmovbe)
  set(v4 ${v3} -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl)
  set(macros_v3 __AVX2__)
  set(macros_v4 __AVX2__ __AVX512F__ __AVX512BW__ __AVX512CD__ __AVX512DQ__ __AVX512VL__)
  if(isa STREQUAL "avx2")
    set(isa_flags ${v3})
    set(msvc /arch:AVX2)
    set(isa_macros ${macros_v3})
  elseif(isa STREQUAL "avx512")
    set(isa_flags ${v4})
    set(msvc /arch:AVX512)
    set(isa_macros ${macros_v4})
  elseif(isa STREQUAL "avx512_bf16")
    set(isa_flags ${v4} -mavx512bf16)
    set(msvc /arch:AVX512) # no flag for bf16: without the macro, the part is left out
    set(isa_macros ${macros_v4} __AVX512BF16__)
  else()
    message(FATAL_ERROR "yarn_add_dispatch: ISAS are avx2, avx512 and avx512_bf16, not '${isa}'; \
the baseline is always there")
  endif()
  if(MSVC) # also true for clang-cl
    set(isa_flags ${msvc})
  endif()
  set(${flags} "${isa_flags}" PARENT_SCOPE)
  set(${macros} "${isa_macros}" PARENT_SCOPE)
endfunction()

# yarn_add_dispatch(<target> SOURCES <source>... [ISAS <isa>...])
#
# Compiles every source into <target> once with the target's own flags (the baseline), and once more
# for each of ISAS. These are avx2, avx512 and avx512_bf16; the default is all of them. An
# instruction set is left out if the compiler has no flags for it, or if it belongs to another kind
# of processor. So the same call works for x86-64 and for aarch64. The sources must not also be
# ordinary sources of the target. <target> must link yarn::yarn.
function(yarn_add_dispatch target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;ISAS")
  if(NOT TARGET ${target})
    message(FATAL_ERROR "yarn_add_dispatch: '${target}' is not a target")
  elseif(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "yarn_add_dispatch: unknown arguments '${arg_UNPARSED_ARGUMENTS}'")
  elseif(NOT arg_SOURCES)
    message(FATAL_ERROR "yarn_add_dispatch: SOURCES are missing")
  endif()
  if(NOT DEFINED arg_ISAS)
    set(arg_ISAS avx2 avx512 avx512_bf16)
  endif()

  set(isas baseline)
  set(missing "")
  set(definitions_of_baseline "")
  set(flags_of_baseline "")
  foreach(isa IN LISTS arg_ISAS)
    yarn_dispatch_flags(${isa} flags_of_${isa} macros)
    list(JOIN macros ") || !defined(" condition)
    list(JOIN flags_of_${isa} " " CMAKE_REQUIRED_FLAGS)
    set(CMAKE_REQUIRED_QUIET ON)
    check_cxx_source_compiles("#if !defined(${condition})\n#error\n#endif\nint main() {}"
                              YARN_DISPATCH_CAN_${isa})
    if(YARN_DISPATCH_CAN_${isa})
      string(TOUPPER "${isa}" upper)
      list(APPEND isas ${isa})
      list(APPEND definitions_of_baseline YARN_DISPATCH_WITH_${upper}=true)
      set(definitions_of_${isa} YARN_DISPATCH_ISA=${isa})
    else()
      list(APPEND missing ${isa})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    message(STATUS "yarn_add_dispatch: ${target} has no part for ${missing}, which is for \
another kind of processor or unknown to this compiler")
  endif()
  list(REMOVE_DUPLICATES isas)

  # For each part of a source, CMake writes a file that includes the source. So the include
  # directories, definitions and language of the target apply to every part.
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(path "${source}" ABSOLUTE)
    string(MAKE_C_IDENTIFIER "${source}" name)
    string(MD5 hash "${path}") # a-b.cpp and a_b.cpp have the same identifier
    string(SUBSTRING "${hash}" 0 8 hash)
    string(APPEND name "_${hash}")
    foreach(isa IN LISTS isas)
      set(part "${CMAKE_CURRENT_BINARY_DIR}/yarn_dispatch/${target}/${name}.${isa}.cpp")
      file(CONFIGURE OUTPUT "${part}" CONTENT "#include \"@path@\"\n" @ONLY)
      target_sources(${target} PRIVATE "${part}")
      # Headers that were precompiled with other flags do not fit. (CMake itself keeps sources with
      # flags of their own out of unity builds.)
      set_source_files_properties(
        "${part}" TARGET_DIRECTORY ${target}
        PROPERTIES COMPILE_OPTIONS "${flags_of_${isa}}"
                   COMPILE_DEFINITIONS "${definitions_of_${isa}}"
                   OBJECT_DEPENDS "${path}"
                   SKIP_PRECOMPILE_HEADERS ON)
    endforeach()
  endforeach()
endfunction()
