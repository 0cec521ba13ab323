# SPDX-License-Identifier: MIT
# Builds from the sources around this folder: conan create packaging/conan
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class YarnConan(ConanFile):
    name = "yarn"
    description = "Rotary position embeddings with context-window scaling, header-only"
    license = "MIT"
    topics = ("rope", "yarn", "transformer", "simd", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_xsimd": [True, False]}
    default_options = {"with_xsimd": True}
    no_copy_source = True
    # The functions yarn_add_dispatch and yarn_add_c_api. The target yarn::module needs yarn's own
    # package of CMake, which Conan does not use.
    _scripts = ("yarn_dispatch.cmake", "yarn_c_api.cmake")

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        header = load(self, os.path.join(self._root, "include", "yarn", "version.hpp"))
        self.version = ".".join(re.findall(r"#define YARN_VERSION_[A-Z]+ (\d+)", header))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, pattern, self._root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.with_xsimd:
            self.requires("xsimd/[>=8.1 <15]", transitive_headers=True)

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 17)

    def package_id(self):
        del self.info.settings.os
        del self.info.settings.arch
        del self.info.settings.compiler
        del self.info.settings.build_type

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "BENCH", "EXAMPLES"):
            toolchain.cache_variables[f"YARN_BUILD_{part}"] = False
        toolchain.cache_variables["YARN_NO_XSIMD"] = not self.options.with_xsimd
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        for script in self._scripts:
            copy(self, script, os.path.join(self.source_folder, "cmake"),
                 os.path.join(self.package_folder, "lib", "cmake", "yarn"))
        rmdir(self, os.path.join(self.package_folder, "share")) # Conan generates its own

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "yarn")
        self.cpp_info.set_property("cmake_target_name", "yarn::yarn")
        self.cpp_info.set_property("cmake_target_aliases", ["yarn::testing"]) # the same headers
        self.cpp_info.set_property("cmake_build_modules",
                                   [os.path.join("lib", "cmake", "yarn", script)
                                    for script in self._scripts])
        self.cpp_info.set_property("pkg_config_name", "yarn")
        if self.options.with_xsimd:
            self.cpp_info.requires = ["xsimd::xsimd"]
        else:
            self.cpp_info.defines = ["YARN_NO_XSIMD"]
