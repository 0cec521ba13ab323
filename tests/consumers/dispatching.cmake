# SPDX-License-Identifier: MIT
# Included by the consumers: a program with parts for several instruction sets. Its unity build and
# precompiled headers must not apply to the parts.
add_executable(dispatching ../dispatching.cpp)
set_target_properties(dispatching PROPERTIES UNITY_BUILD ON)
target_precompile_headers(dispatching PRIVATE <cstdint>)
if(DEFINED YARN_DISPATCH_ISAS)
  set(isas ISAS ${YARN_DISPATCH_ISAS})
endif()
yarn_add_dispatch(dispatching SOURCES ../dispatching_kernels.cpp ${isas})
# This comes after yarn_add_dispatch, because later properties of the target apply to its parts,
# too.
target_link_libraries(dispatching PRIVATE yarn::yarn)
target_compile_definitions(dispatching PRIVATE SEVEN=7)
if(NOT MSVC)
  target_compile_options(dispatching PRIVATE -Werror) # also for unsuitable precompiled headers
endif()
