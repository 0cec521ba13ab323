// SPDX-License-Identifier: MIT
// The accessor scales the elements, so it returns values and not references to memory.
// expect: the mdspan's accessor must give plain references to memory
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

#ifdef YARN_EXPECT_FAILURE
using reference = float;
#else
using reference = float&;
#endif

yarn::heads_view<float> heads(const span_like<3, reference>& x) { return yarn::heads_from(x); }
