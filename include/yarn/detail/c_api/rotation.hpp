// SPDX-License-Identifier: MIT
// Tensors and rotations of the C API: reads the structs, checks the call as C++ does, and calls the
// part.
#ifndef YARN_DETAIL_C_API_ROTATION_HPP
#define YARN_DETAIL_C_API_ROTATION_HPP

#include "../../kv_cache.hpp"
#include "../../norm.hpp"
#include "../../rope.hpp"
#include "cache_formats.hpp"
#include "positions.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline yarn_norm norm_from(const yarn_norm* given, const char* name) {
  const auto norm = read_struct(given, "yarn_norm", offsetof(yarn_norm, without_weight));
  if (norm.kind != YARN_RMS_NORM && norm.kind != YARN_LAYER_NORM)
    fail_argument("yarn: the norm of {} has the unknown kind {}", name, norm.kind);
  require_flag("yarn_norm.without_weight", norm.without_weight);
  require_flag("yarn_norm.weight_plus_one", norm.weight_plus_one);
  require_flag("yarn_norm.weight_of_each_head", norm.weight_of_each_head);
  require_flag("yarn_norm.over_all_heads", norm.over_all_heads);
  const bool has_flags = norm.weight_plus_one + norm.weight_of_each_head + norm.over_all_heads != 0;
  if (norm.kind == YARN_LAYER_NORM && (has_flags || norm.without_weight != 0))
    fail_argument("yarn: the flags of yarn_norm are for RMSNorm");
  if (norm.without_weight != 0 &&
      (norm.weight != nullptr || norm.weight_plus_one != 0 || norm.weight_of_each_head != 0))
    fail_argument("yarn: a norm without weight has a weight, or a flag about it");
  if (norm.without_weight == 0)
    require_element_type("yarn_norm.weight", norm.weight_type);
  return norm;
}

inline yarn_paging paging_from(const yarn_paging* given) {
  const auto p = read_struct(given, "yarn_paging", offsetof(yarn_paging, chunk));
  require_zero("yarn_paging.reserved", p.reserved);
  if (p.slot_type != YARN_INT32 && p.slot_type != YARN_INT64)
    fail_argument("yarn: yarn_paging.slot_type = {} is neither YARN_INT32 nor YARN_INT64",
                  p.slot_type);
  if (p.chunk == 0)
    require_zero("yarn_paging.chunk_stride without chunk", p.chunk_stride);
  return p;
}

inline yarn_cache_format format_from(const yarn_cache_format* given) {
  const auto f = read_struct(given, "yarn_cache_format", offsetof(yarn_cache_format, scale_source));
  if (f.kind < YARN_Q8_0 || f.kind > YARN_OWN_FORMAT)
    fail_argument("yarn: yarn_cache_format.kind = {} is unknown", f.kind);
  require_zero("yarn_cache_format.reserved", f.reserved);
  const bool is_scaled = f.kind >= YARN_SCALED_INT8 && f.kind <= YARN_SCALED_FLOAT8_E5M2;
  if (f.scale_source < YARN_SCALE_PER_TENSOR || f.scale_source > YARN_SCALE_COMPUTED)
    fail_argument("yarn: yarn_cache_format.scale_source = {} is unknown", f.scale_source);
  const bool has_array = is_scaled && f.scale_source != YARN_SCALE_PER_TENSOR;
  if (!(is_scaled && f.scale_source == YARN_SCALE_PER_TENSOR) &&
      bit_cast<std::uint32_t>(f.scale) != 0)
    fail_argument("yarn: yarn_cache_format.scale = {} is only for YARN_SCALE_PER_TENSOR",
                  static_cast<double>(f.scale));
  if (!has_array && (f.scale_source != YARN_SCALE_PER_TENSOR || f.scales != nullptr ||
                     f.row_stride != 0 || f.head_stride != 0 || f.block_size != 0))
    fail_argument("yarn: this kind of yarn_cache_format (kind = {}) has no array of scales",
                  f.kind);
  if (f.block_size == 0)
    require_zero("yarn_cache_format.block_stride without block_size", f.block_stride);
  const bool has_functions = f.head_bytes != nullptr && f.encode != nullptr && f.decode != nullptr;
  if (f.kind == YARN_OWN_FORMAT && !has_functions)
    fail_argument("yarn: a function of yarn_cache_format is null");
  return f;
}

// The format of a cache for the checks, which neither encode nor decode.
struct checked_format {
  const yarn_cache_format* format;

  std::int64_t head_bytes(std::int64_t head_dim) const {
    return with_cache_format(*format, [&](const auto& f) { return f.head_bytes(head_dim); });
  }
  void check(std::int64_t head_dim) const {
    with_cache_format(*format, [&](const auto& f) { f.check(head_dim); });
  }
};

// A tensor of a call. The checks of detail/rope/check.hpp use it like a heads_view.
class checked_tensor {
public:
  checked_tensor(const yarn_tensor* given, const char* name) {
    yarn_tensor& x = argument_.x;
    x = read_struct(given, name, offsetof(yarn_tensor, norm));
    require_zero("yarn_tensor.reserved", x.reserved);
    if (x.format == nullptr)
      require_element_type(name, x.type);
    else
      require_zero("yarn_tensor.type of a cache with a format", x.type);
    if (x.norm != nullptr && is_cache())
      fail_argument("yarn: {} is a cache and has a norm; only tensors are normed", name);
    if (x.norm != nullptr)
      argument_.norm = norm_from(x.norm, name);
    if (x.format != nullptr)
      argument_.format = format_from(x.format);
    if (x.paging != nullptr) {
      require_zero("yarn_tensor.token_stride of a paged cache", x.token_stride);
      argument_.paging = paging_from(x.paging);
    }
  }
  bool is_cache() const { return argument_.x.paging != nullptr || argument_.x.format != nullptr; }

  const c_api::tensor_argument& argument() const { return argument_; }
  std::int64_t n_tokens() const { return argument_.x.n_tokens; }
  std::int64_t n_heads() const { return argument_.x.n_heads; }
  std::int64_t head_dim() const { return argument_.x.head_dim; }

  template <class T> heads_view<T> view() const {
    const yarn_tensor& x = argument_.x;
    return heads_view<T>(static_cast<T*>(x.data), x.n_tokens, x.n_heads, x.head_dim)
        .with_strides(x.token_stride, x.head_stride);
  }

  // Calls use(cache of C++).
  template <class Use> decltype(auto) with_cache(const Use& use) const {
    const yarn_tensor& x = argument_.x;
    if (x.format == nullptr)
      return with_element(x.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return use(tensor_traits<paged_view<T>>::heads(paged<T>(x.head_dim)));
      });
    const checked_format format{&argument_.format};
    const std::int64_t bytes = x.head_dim < 0 ? 0 : format.head_bytes(x.head_dim);
    if (x.paging != nullptr)
      return use(stored(paged<unsigned char>(bytes), format, x.head_dim));
    const auto dense =
        heads_view<unsigned char>(static_cast<unsigned char*>(x.data), x.n_tokens, x.n_heads, bytes)
            .with_strides(x.token_stride, x.head_stride);
    return use(stored(dense, format, x.head_dim));
  }

private:
  // `units` is the size of a head in T.
  template <class T> paged_view<T> paged(std::int64_t units) const {
    const yarn_tensor& x = argument_.x;
    const yarn_paging& p = argument_.paging;
    paged_view<T> view =
        paged_view<T>(static_cast<T*>(x.data), p.n_blocks, p.block_size, x.n_heads, units)
            .with_strides(p.block_stride, p.slot_stride, x.head_stride);
    if (p.chunk != 0)
      view = view.with_chunks(p.chunk, p.chunk_stride);
    return with_integers("yarn_paging.slot_type", p.slots, p.slot_type,
                         [&](const auto* slots) { return view.at(slots, x.n_tokens); });
  }

  c_api::tensor_argument argument_;
};

inline std::uintptr_t check_tensor(const char* name, const checked_tensor& x,
                                   std::int64_t n_pairs) {
  const c_api::tensor_argument& argument = x.argument();
  if (x.is_cache())
    return x.with_cache([&](const auto& cache) { return check_tensor(name, cache, n_pairs); });
  return with_element(argument.x.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (argument.x.norm == nullptr)
      return check_tensor(name, x.view<T>(), n_pairs);
    const yarn_norm& norm = argument.norm;
    // Only the address of the weight is checked, not its type.
    const auto* const weight = static_cast<const float*>(norm.weight);
    return check_tensor(name,
                        normed(x.view<T>(), norm.without_weight != 0
                                                ? rms_norm_without_weight(norm.eps)
                                                : rms_norm<float>(weight, norm.eps)),
                        n_pairs);
  });
}

// The memory of a tensor as bytes. size_of_element is 0 for a cache.
struct byte {
  unsigned char bits;
};
struct tensor_bytes : heads_view<const byte> {
  tensor_bytes(const heads_view<const byte>& bytes, std::int64_t element_size)
      : heads_view<const byte>(bytes), size_of_element(element_size) {}
  std::int64_t size_of_element;
};
// Requires that check_tensor has accepted the tensor. The stride of a dimension with one entry
// becomes 0, because its size in bytes could overflow.
inline tensor_bytes memory_of(const checked_tensor& x) {
  const yarn_tensor& t = x.argument().x;
  if (x.is_cache())
    return x.with_cache([](const auto& cache) {
      const auto memory = memory_of(cache);
      return tensor_bytes({reinterpret_cast<const byte*>(memory.data()), 1, 1, memory.head_dim()},
                          0); // NOLINT: bytes
    });
  const std::int64_t size = bytes_of_element(t.type);
  const auto bytes = [&](std::int64_t n, std::int64_t count) { return count > 1 ? n * size : 0; };
  return {heads_view<const byte>(static_cast<const byte*>(t.data), t.n_tokens, t.n_heads,
                                 t.head_dim * size)
              .with_strides(bytes(t.token_stride, t.n_tokens), bytes(t.head_stride, t.n_heads)),
          size};
}
inline bool is_same_view(const tensor_bytes& a, const tensor_bytes& b) {
  return a.size_of_element == b.size_of_element && a.size_of_element != 0 &&
         is_same_view(static_cast<const heads_view<const byte>&>(a),
                      static_cast<const heads_view<const byte>&>(b));
}

// Refuses a call with a norm if the scratch memory of a part would be too small.
inline void check_norm(const checked_tensor& x, const char* name, bool is_double,
                       const checked_tensor& target, bool keeps_order) {
  const c_api::tensor_argument& t = x.argument();
  const yarn_element_type type = is_double ? YARN_FLOAT64 : YARN_FLOAT32;
  if (t.x.norm == nullptr || x.head_dim() <= c_api::largest_converted_dim)
    return;
  const bool has_weight = t.norm.without_weight == 0;
  if (t.x.type != type || target.argument().x.type != type || !keeps_order ||
      (has_weight && t.norm.weight_type != type))
    fail_unsupported(
        "yarn: {} is normed and has head_dim = {}; above {}, elements and weights must "
        "be {} in the C API, and the order of the pairs must not change",
        name, x.head_dim(), c_api::largest_converted_dim, is_double ? "float64" : "float32");
}
inline bool is_double(const checked_tensor& x) { return x.argument().x.type == YARN_FLOAT64; }

// The target of yarn_rope_copy and yarn_copy_heads must have no norm.
inline void refuse_target_norm(const checked_tensor& target) {
  if (target.argument().x.norm != nullptr)
    fail_argument("yarn: target.norm must be null: a copy normalises its source");
}

// A call of rope_apply or rope_copy.
class rotation_call {
public:
  rotation_call(const yarn_tensor* first, const yarn_tensor* second, const yarn_row_source* rows,
                yarn_pairing in, yarn_pairing out, bool is_copy)
      : rows_(rows), has_second_(second != nullptr || is_copy), is_copy_(is_copy),
        first_(first, is_copy       ? "source"
                      : has_second_ ? "q"
                                    : "x"),
        second_(has_second_ ? second : first, is_copy ? "target" : "k"),
        in_(static_cast<pairing>(in)), out_(static_cast<pairing>(out)) {}

  void check() const {
    if (is_copy_)
      check_as_copy();
    else if (has_second_)
      check_call(rows_, in_, first_, second_);
    else
      check_call(rows_, in_, first_);
    const bool wide = is_double(first_) || (has_second_ && is_double(second_));
    check_norm(first_,
               is_copy_      ? "source"
               : has_second_ ? "q"
                             : "x",
               wide, is_copy_ ? second_ : first_, in_ == out_);
    if (has_second_ && !is_copy_)
      check_norm(second_, "k", wide, second_, true);
  }
  void run(thread_slice slice) const noexcept {
    const c_api::rotation call{&first_.argument(),
                               has_second_ ? &second_.argument() : nullptr,
                               &rows_.argument(),
                               in_,
                               out_,
                               slice};
    if (is_copy_)
      rows_.kernels().copy(call);
    else
      rows_.kernels().apply(call);
  }

private:
  void check_as_copy() const {
    refuse_target_norm(second_);
    check_copy(rows_, in_, out_, first_, second_);
  }

  resolved_rows rows_;
  bool has_second_;
  bool is_copy_;
  checked_tensor first_;
  checked_tensor second_;
  pairing in_;
  pairing out_;
};

class copy_call {
public:
  copy_call(const yarn_tensor* source, const yarn_tensor* target)
      : source_(source, "source"), target_(target, "target") {}

  void check() const {
    refuse_target_norm(target_);
    check_two_tensors(source_, target_, 0, true);
    check_norm(source_, "source", is_double(source_) || is_double(target_), target_, true);
  }
  void run(thread_slice slice) const noexcept {
    constexpr pairing any = pairing::half_split;
    part_kernels().copy_heads({&source_.argument(), &target_.argument(), nullptr, any, any, slice});
  }

private:
  checked_tensor source_;
  checked_tensor target_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API yarn_status yarn_tensor_init(yarn_tensor* x, std::size_t struct_size, void* data,
                                        yarn_element_type type, std::int64_t n_tokens,
                                        std::int64_t n_heads, std::int64_t head_dim) {
  using namespace yarn::detail;
  return guarded([&] {
    const yarn::heads_view<float> dense(nullptr, n_tokens, n_heads, head_dim);
    yarn_tensor made{};
    made.data = data;
    made.type = type;
    made.n_tokens = n_tokens;
    made.n_heads = n_heads;
    made.head_dim = head_dim;
    made.token_stride = dense.token_stride();
    made.head_stride = dense.head_stride();
    init_struct(x, "yarn_tensor", struct_size, made);
  });
}

YARN_C_API yarn_status yarn_rope_check(const yarn_tensor* q, const yarn_tensor* k,
                                       const yarn_row_source* rows, yarn_pairing pairing) {
  using namespace yarn::detail;
  return guarded([&] { rotation_call(q, k, rows, pairing, pairing, false).check(); });
}
YARN_C_API yarn_status yarn_rope_apply(const yarn_tensor* q, const yarn_tensor* k,
                                       const yarn_row_source* rows, yarn_pairing pairing) {
  using namespace yarn::detail;
  return guarded([&] {
    const rotation_call call(q, k, rows, pairing, pairing, false);
    call.check();
    call.run({0, 1});
  });
}
YARN_C_API void yarn_rope_apply_unchecked(const yarn_tensor* q, const yarn_tensor* k,
                                          const yarn_row_source* rows, yarn_pairing pairing,
                                          std::int64_t thread, std::int64_t n_threads) {
  using namespace yarn::detail;
  [&]() noexcept { rotation_call(q, k, rows, pairing, pairing, false).run({thread, n_threads}); }();
}

YARN_C_API yarn_status yarn_rope_copy_check(const yarn_tensor* source, const yarn_tensor* target,
                                            const yarn_row_source* rows, yarn_pairing pairing,
                                            yarn_pairing output_order) {
  using namespace yarn::detail;
  return guarded([&] { rotation_call(source, target, rows, pairing, output_order, true).check(); });
}
YARN_C_API yarn_status yarn_rope_copy(const yarn_tensor* source, const yarn_tensor* target,
                                      const yarn_row_source* rows, yarn_pairing pairing,
                                      yarn_pairing output_order) {
  using namespace yarn::detail;
  return guarded([&] {
    const rotation_call call(source, target, rows, pairing, output_order, true);
    call.check();
    call.run({0, 1});
  });
}
YARN_C_API void yarn_rope_copy_unchecked(const yarn_tensor* source, const yarn_tensor* target,
                                         const yarn_row_source* rows, yarn_pairing pairing,
                                         yarn_pairing output_order, std::int64_t thread,
                                         std::int64_t n_threads) {
  using namespace yarn::detail;
  [&]() noexcept {
    rotation_call(source, target, rows, pairing, output_order, true).run({thread, n_threads});
  }();
}

YARN_C_API yarn_status yarn_copy_heads_check(const yarn_tensor* source, const yarn_tensor* target) {
  using namespace yarn::detail;
  return guarded([&] { copy_call(source, target).check(); });
}
YARN_C_API yarn_status yarn_copy_heads(const yarn_tensor* source, const yarn_tensor* target) {
  using namespace yarn::detail;
  return guarded([&] {
    const copy_call call(source, target);
    call.check();
    call.run({0, 1});
  });
}
YARN_C_API void yarn_copy_heads_unchecked(const yarn_tensor* source, const yarn_tensor* target,
                                          std::int64_t thread, std::int64_t n_threads) {
  using namespace yarn::detail;
  [&]() noexcept { copy_call(source, target).run({thread, n_threads}); }();
}

} // extern "C"

#endif
