// SPDX-License-Identifier: MIT
// dim_order: the order of a tensor's dimensions, an argument of the functions in eigen.hpp,
// dlpack.hpp, mdspan.hpp and torch.hpp.
#ifndef YARN_DIM_ORDER_HPP
#define YARN_DIM_ORDER_HPP

namespace yarn {
inline namespace v0 {

/// The meaning of a tensor's indices, in their order. A tensor of rank 3 has three indices. A
/// tensor of rank 4 has one index more, that of the sequence, at the place shown after the
/// semicolon.
enum class dim_order {
  tokens_heads_dim, ///< x[token][head][element]; [sequence][token][head][element]
  heads_tokens_dim, ///< x[head][token][element]; [sequence][head][token][element]
  dim_heads_tokens, ///< x[element][head][token]; [element][head][token][sequence]
  dim_tokens_heads  ///< x[element][token][head]; [element][token][head][sequence]
};

} // namespace v0
} // namespace yarn

#endif
