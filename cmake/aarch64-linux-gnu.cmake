# SPDX-License-Identifier: MIT
# The cross compiler of Debian. Its programs run under the user-mode emulation of qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

# xsimd is header-only, but Debian installs its CMake package in a folder of the host's
# architecture. A search for packages of the target architecture does not find it.
file(GLOB xsimd_DIR /usr/lib/*/cmake/xsimd)
