# SPDX-License-Identifier: MIT
# Finds xsimd, both for our own build and for the installed package.

# Sets `include_dirs`, or `error` if there is no suitable xsimd.
#
# The function uses only the include directories of xsimd's target and does not link the target: in
# Debian's xsimd 8.1, the target links a library `xtl` that it does not find, which would put -lxtl
# on every link line.
# find_package gets no version, because the version file of xsimd accepts only its own major
# version. yarn works with every xsimd from `floor` on.
function(yarn_find_xsimd include_dirs error)
  set(floor 8.1)
  if(NOT TARGET xsimd AND NOT TARGET xsimd::xsimd)
    find_package(xsimd CONFIG QUIET)
  endif()

  set(dirs "")
  foreach(target IN ITEMS xsimd::xsimd xsimd)
    if(TARGET ${target})
      get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
      break()
    endif()
  endforeach()

  set(problem "")
  if(NOT dirs)
    set(problem "it was not found")
  elseif(xsimd_VERSION AND xsimd_VERSION VERSION_LESS floor)
    set(problem "${xsimd_VERSION} was found")
  endif()
  if(problem)
    set(problem
        "yarn needs xsimd ${floor} or newer, and ${problem}. Install it, or set YARN_NO_XSIMD=ON to \
use yarn's scalar kernels.")
  endif()
  set(${include_dirs} "${dirs}" PARENT_SCOPE)
  set(${error} "${problem}" PARENT_SCOPE)
endfunction()
