// SPDX-License-Identifier: MIT
// The program of tests/digest, compiled with `import yarn;`. CMakeLists.txt replaces <yarn/yarn.hpp>
// and <yarn/norm.hpp> by empty headers. g++ needs the headers of std before the import.
#include <yarn/detail/arithmetic/phase.hpp> // YARN_HAS_FMA, detail::exact_point

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <map>
#include <string>
#include <vector>
import yarn;

#include "../digest/digest.cpp"
