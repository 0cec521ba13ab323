// SPDX-License-Identifier: MIT
// An mdspan of positions on several axes has the dimensions axes and tokens.
// expect: an mdspan of positions on several axes has rank 2
#include <yarn/mdspan.hpp>

#include <cstddef>

// The members of an mdspan that yarn uses.
struct mapping {
  int stride(std::size_t) const { return 1; }
};
template <std::size_t Rank> struct span_like {
  using element_type = const int;
  using reference = const int&;
  using rank_type = std::size_t;
  using mapping_type = mapping;

  static constexpr std::size_t rank() { return Rank; }
  static constexpr bool is_always_strided() { return true; }
  bool is_strided() const { return true; }
  int extent(std::size_t) const { return 1; }
  int stride(std::size_t) const { return 1; }
  const int* data_handle() const { return nullptr; }
};

#ifdef YARN_EXPECT_FAILURE
yarn::axis_positions list(const span_like<3>& x) { return yarn::axis_positions_in(x); }
#else
yarn::axis_positions list(const span_like<2>& x) { return yarn::axis_positions_in(x); }
#endif
