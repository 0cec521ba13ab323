// SPDX-License-Identifier: MIT
// The order of the dimensions of a tensor of another library: an argument of the functions of
// eigen.hpp, dlpack.hpp and mdspan.hpp.
#ifndef YARN_DIM_ORDER_HPP
#define YARN_DIM_ORDER_HPP

namespace yarn {
inline namespace v0 {

/// The meaning of a tensor's three indices, in their order. A tensor of rank 4 also has an index of
/// the sequence: the first one, or the last one where tokens or heads come last.
enum class dim_order {
  tokens_heads_dim, ///< x[token][head][element]; [sequence][token][head][element]
  heads_tokens_dim, ///< x[head][token][element]; [sequence][head][token][element]
  dim_heads_tokens, ///< x[element][head][token]; [element][head][token][sequence]
  dim_tokens_heads  ///< x[element][token][head]; [element][token][head][sequence]
};

} // namespace v0
} // namespace yarn

#endif
