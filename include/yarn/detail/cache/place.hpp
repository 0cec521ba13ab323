// SPDX-License-Identifier: MIT
// The place of a head in a cache.
#ifndef YARN_DETAIL_CACHE_PLACE_HPP
#define YARN_DETAIL_CACHE_PLACE_HPP

#include "../base/abi.hpp"

#include <cstdint>

namespace yarn {
inline namespace YARN_ABI {

/// A head in a cache: the row (slot, or token for dense caches) and the head.
struct cache_place {
  std::int64_t row;
  std::int64_t head;
};

} // namespace YARN_ABI
} // namespace yarn

#endif
