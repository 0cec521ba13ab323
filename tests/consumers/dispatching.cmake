# SPDX-License-Identifier: MIT
# Included by the consumers: a program with parts, in a project whose settings would spoil them if
# the parts did not keep out.
add_executable(dispatching ../dispatching.cpp)
set_target_properties(dispatching PROPERTIES UNITY_BUILD ON)
target_precompile_headers(dispatching PRIVATE <cstdint>)
if(DEFINED YARN_DISPATCH_ISAS)
  set(isas ISAS ${YARN_DISPATCH_ISAS})
endif()
yarn_add_dispatch(dispatching SOURCES ../dispatching_kernels.cpp ${isas})
# Behind the call: what the target gets later holds for its parts, too.
target_link_libraries(dispatching PRIVATE yarn::yarn)
target_compile_definitions(dispatching PRIVATE SEVEN=7)
if(NOT MSVC)
  target_compile_options(dispatching PRIVATE -Werror) # of precompiled headers that do not fit, too
endif()
