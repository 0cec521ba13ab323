# SPDX-License-Identifier: MIT
# Debian's cross compiler; what it builds runs under qemu's user-mode emulation.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

# xsimd is headers only, but Debian files its package under the host's architecture, where a search
# for the target's does not look.
file(GLOB xsimd_DIR /usr/lib/*/cmake/xsimd)
