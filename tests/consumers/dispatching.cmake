# SPDX-License-Identifier: MIT
# Included by the consumers: a program with parts for several instruction sets. The settings of the
# target would break the parts if yarn_add_dispatch copied them to the parts.
add_executable(dispatching ../dispatching.cpp)
set_target_properties(dispatching PROPERTIES UNITY_BUILD ON)
target_precompile_headers(dispatching PRIVATE <cstdint>)
if(DEFINED YARN_DISPATCH_ISAS)
  set(isas ISAS ${YARN_DISPATCH_ISAS})
endif()
yarn_add_dispatch(dispatching SOURCES ../dispatching_kernels.cpp ${isas})
# This call is after yarn_add_dispatch, because properties that the target gets later must also hold
# for its parts.
target_link_libraries(dispatching PRIVATE yarn::yarn)
target_compile_definitions(dispatching PRIVATE SEVEN=7)
if(NOT MSVC)
  # The compiler warns about a precompiled header that does not fit.
  target_compile_options(dispatching PRIVATE -Werror)
endif()
