// SPDX-License-Identifier: MIT
// cache_place: a head in a KV cache.
#ifndef YARN_DETAIL_CACHE_PLACE_HPP
#define YARN_DETAIL_CACHE_PLACE_HPP

#include "../../types.hpp"

namespace yarn {
inline namespace v0 {

/// A head in a cache: the row (the slot of a paged cache, the token of a dense one) and the head.
struct cache_place {
  std::int64_t row;
  std::int64_t head;
};

} // namespace v0
} // namespace yarn

#endif
