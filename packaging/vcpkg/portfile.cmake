# SPDX-License-Identifier: MIT
# Builds from the sources around this folder:
#
#     vcpkg install yarn --overlay-ports=<here>/packaging/vcpkg
#
# In a registry, vcpkg_from_github would replace the next line. vcpkg does not notice changes of the
# sources here. With --no-binarycaching it builds again.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release) # headers only

set(no_xsimd ON)
if("xsimd" IN_LIST FEATURES)
  set(no_xsimd OFF)
endif()
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DYARN_BUILD_TESTS=OFF -DYARN_BUILD_BENCH=OFF -DYARN_BUILD_EXAMPLES=OFF -DYARN_INSTALL=ON
          -DYARN_NO_XSIMD=${no_xsimd})
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/yarn)
vcpkg_fixup_pkgconfig()

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
