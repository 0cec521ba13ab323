// SPDX-License-Identifier: MIT
// An mdspan of heads has three dimensions. With four, the call also needs the index of a sequence.
// expect: an mdspan of heads has rank 3; for rank 4, pass a sequence index, too
#include <yarn/mdspan.hpp>

#include <cstddef>

// The members of an mdspan that yarn uses.
struct mapping {
  int stride(std::size_t) const { return 1; }
};
template <std::size_t Rank, class Reference> struct span_like {
  using element_type = float;
  using reference = Reference;
  using rank_type = std::size_t;
  using mapping_type = mapping;

  static constexpr std::size_t rank() { return Rank; }
  static constexpr bool is_always_strided() { return true; }
  bool is_strided() const { return true; }
  int extent(std::size_t) const { return 1; }
  int stride(std::size_t) const { return 1; }
  float* data_handle() const { return nullptr; }
};

yarn::heads_view<float> heads(const span_like<4, float&>& x) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::heads_from(x);
#else
  return yarn::heads_from(x, 0);
#endif
}
