// SPDX-License-Identifier: MIT
// The version of the library, and nothing else: CMake and the tests read it here.
#ifndef YARN_VERSION_HPP
#define YARN_VERSION_HPP

#define YARN_VERSION_MAJOR 0
#define YARN_VERSION_MINOR 2
#define YARN_VERSION_PATCH 0

#endif
