# SPDX-License-Identifier: MIT
# The installed package: headers, CMake package and pkg-config file. `find_package(yarn)` also works
# with the build tree (-Dyarn_DIR=<build>).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(yarn_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/yarn")

# Before 1.0 a minor version may break its users.
set(yarn_compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(yarn_compatibility SameMinorVersion)
endif()

configure_package_config_file(
  cmake/yarn-config.cmake.in "${PROJECT_BINARY_DIR}/yarn-config.cmake"
  INSTALL_DESTINATION "${yarn_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/yarn-config-version.cmake"
                                 COMPATIBILITY ${yarn_compatibility} ARCH_INDEPENDENT)
foreach(file IN ITEMS yarn-xsimd.cmake yarn_dispatch.cmake yarn_module.cmake yarn_c_api.cmake)
  configure_file(cmake/${file} "${PROJECT_BINARY_DIR}/${file}" COPYONLY)
endforeach()

# The .pc file computes its prefix from its own location, so an installed tree can be moved. If the
# install directories are absolute, a tree cannot be moved, and the .pc file has fixed paths.
if(IS_ABSOLUTE "${CMAKE_INSTALL_DATADIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(yarn_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(yarn_pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
  file(RELATIVE_PATH yarn_pc_prefix "/${CMAKE_INSTALL_DATADIR}/pkgconfig" "/")
  string(PREPEND yarn_pc_prefix "\${pcfiledir}/")
  set(yarn_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
if(YARN_NO_XSIMD)
  set(yarn_pc_definitions " -DYARN_NO_XSIMD")
  set(yarn_pc_requires "")
else()
  set(yarn_pc_definitions "")
  set(yarn_pc_requires "Requires: xsimd >= 8.1")
endif()
configure_file(cmake/yarn.pc.in "${PROJECT_BINARY_DIR}/yarn.pc" @ONLY)

install(TARGETS yarn yarn_testing EXPORT yarn-targets
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/yarn DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp"
        PATTERN "*.cppm" PATTERN "*.h")
install(EXPORT yarn-targets NAMESPACE yarn:: DESTINATION "${yarn_package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/yarn-config.cmake"
              "${PROJECT_BINARY_DIR}/yarn-config-version.cmake" cmake/yarn-xsimd.cmake
              cmake/yarn_dispatch.cmake cmake/yarn_module.cmake cmake/yarn_c_api.cmake
        DESTINATION "${yarn_package_dir}")
install(FILES "${PROJECT_BINARY_DIR}/yarn.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
export(EXPORT yarn-targets NAMESPACE yarn::)
