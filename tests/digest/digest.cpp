// SPDX-License-Identifier: MIT
// Digests of frequencies, rows, rotations and norms, which must have the same bits with every
// compiler, on every processor and with all flags, -ffast-math included. (Rotations and norms have
// two digests: with and without a fused multiply-add.) The program needs no test library.
//
//     digest                prints lines `name digest`
//     digest expected.txt   also compares the digests, and fails if one differs
#include <yarn/norm.hpp>
#include <yarn/yarn.hpp>

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

namespace {

// ---- Tools ------------------------------------------------------------------------------------

/// FNV-1a on units of 64 bits. The shift moves high bits down, which the product does not do.
class hash {
public:
  void add(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x100000001b3U;
    value_ ^= value_ >> 29U;
  }
  void add(double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    add(bits);
  }
  void add(float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    add(std::uint64_t{bits});
  }
  void add(yarn::float16 value) { add(std::uint64_t{value.bits}); }
  void add(yarn::bfloat16 value) { add(std::uint64_t{value.bits}); }
  template <class T> void add(const T* values, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      add(values[i]);
    }
  }
  std::uint64_t value() const { return value_; }

private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

/// splitmix64. Numbers are made by exact operations, so that no compiler flag changes them.
class random_source {
public:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// A multiple of 2^-22 in [-2, 2].
  float number() {
    return static_cast<float>(static_cast<std::int32_t>(next() >> 40U) - (1 << 23)) * 0x1p-22F;
  }

private:
  std::uint64_t state_ = 0;
};

std::map<std::string, std::string> digests;
std::vector<std::string> order;

void report(const std::string& name, const hash& digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, digest.value());
  digests[name] = text;
  order.push_back(name);
  std::printf("%s %s\n", name.c_str(), text);
  std::fflush(stdout);
}

yarn::rope_shape shape_of(std::int64_t dim, double theta) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = theta;
  return shape;
}

// ---- Frequencies --------------------------------------------------------------------------------

void add(hash& digest, const yarn::frequencies& freqs) {
  digest.add(freqs.inv_freq().data(), freqs.n_pairs());
  digest.add(freqs.phase_steps().data(), freqs.n_pairs());
  digest.add(freqs.attention_factor());
  digest.add(freqs.rope_theta());
  const yarn::pair_range range = freqs.correction_range();
  digest.add(range.has_value ? range.low : -1.0);
  digest.add(range.has_value ? range.high : -1.0);
  for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
    digest.add(static_cast<std::uint64_t>(freqs.zone(pair)));
  }
}

constexpr std::int64_t dims[] = {4, 6, 34, 64, 80, 96, 128, 256};
constexpr double thetas[] = {100, 1e4, 5e5, 1e6, 1e8};
constexpr double factors[] = {0.5, 1, 2, 2.7, 8, 16, 40};
constexpr std::int64_t lengths[] = {64, 4096, 8192, 131072};

/// Calls `methods(digest, shape)` for every shape, and reports the digest.
template <class Methods> void digest_over_shapes(const std::string& name, const Methods& methods) {
  hash digest;
  for (const std::int64_t dim : dims) {
    for (const double theta : thetas) {
      methods(digest, shape_of(dim, theta));
    }
  }
  report("frequencies-" + name, digest);
}

/// Digests a method whose only parameter is the scaling factor.
template <class Method> void digest_over_factors(const std::string& name) {
  digest_over_shapes(name, [](hash& digest, const yarn::rope_shape& shape) {
    for (const double factor : factors) {
      Method method;
      method.factor = factor;
      add(digest, yarn::make_frequencies(shape, method));
    }
  });
}

/// Digests a method with a scaling factor and an original length. `vary(method, shape, add_method)`
/// sets the other parameters and calls `add_method` for each variant.
template <class Method, class Vary>
void digest_over_lengths(const std::string& name, const Vary& vary) {
  digest_over_shapes(name, [&](hash& digest, const yarn::rope_shape& shape) {
    for (const double factor : factors) {
      for (const std::int64_t length : lengths) {
        Method method;
        method.factor = factor;
        method.original_max_position_embeddings = length;
        vary(method, shape, [&](const auto& varied) {
          if constexpr (yarn::is_dynamic_scaling_v<Method>) {
            for (const std::int64_t seq_len : {std::int64_t{0}, length, length + 1, 3 * length}) {
              add(digest, yarn::make_frequencies(shape, varied, seq_len));
            }
          } else {
            add(digest, yarn::make_frequencies(shape, varied));
          }
        });
      }
    }
  });
}

constexpr auto only_default_parameters = [](const auto& method, const yarn::rope_shape&,
                                            const auto& add_method) { add_method(method); };

/// YaRN: with default parameters, with a correction range that is not rounded, with DeepSeek's
/// coefficients, with llama.cpp's factors, and with the ramp of the paper.
constexpr auto yarn_variants = [](const auto& method, const yarn::rope_shape&,
                                  const auto& add_method) {
  add_method(method);
  auto other = method;
  other.truncate = false;
  other.beta_fast = 24;
  add_method(other);
  other = method;
  other.mscale = 0.707;
  other.mscale_all_dim = 1.0;
  add_method(other);
  other = method;
  other.extrapolation_factor = 0.75;
  other.attn_factor = 1.1;
  add_method(other);
  other = method;
  other.ramp = yarn::yarn_ramp::rotations;
  other.attention_factor = 1.25;
  add_method(other);
};

void digest_frequencies() {
  digest_over_shapes("default", [](hash& digest, const yarn::rope_shape& shape) {
    add(digest, yarn::make_frequencies(shape, yarn::default_scaling{}));
  });
  digest_over_factors<yarn::linear_scaling>("linear");
  digest_over_factors<yarn::ntk_scaling>("ntk");
  digest_over_shapes("dynamic-ntk", [](hash& digest, const yarn::rope_shape& shape) {
    for (const double factor : factors) {
      for (const std::int64_t length : lengths) {
        yarn::dynamic_ntk_scaling method;
        method.factor = factor;
        method.max_position_embeddings = length;
        for (const std::int64_t seq_len : {std::int64_t{0}, length, length + 1, 3 * length}) {
          add(digest, yarn::make_frequencies(shape, method, seq_len));
        }
      }
    }
  });
  digest_over_shapes("stepped-ntk", [](hash& digest, const yarn::rope_shape& shape) {
    for (const std::int64_t length : lengths) {
      yarn::stepped_ntk_scaling method;
      method.original_max_position_embeddings = length;
      for (const std::int64_t seq_len : {std::int64_t{0}, length, length + 1, 3 * length}) {
        add(digest, yarn::make_frequencies(shape, method, seq_len));
      }
    }
  });
  digest_over_lengths<yarn::ntk_by_parts_scaling>("ntk-by-parts", only_default_parameters);
  digest_over_lengths<yarn::part_ntk_scaling>(
      "part-ntk", [](auto method, const yarn::rope_shape&, const auto& add_method) {
        add_method(method);
        method.ntk_factor = 0.5;
        method.extrapolation_factor = 0.25;
        add_method(method);
      });
  digest_over_shapes("dynamic-part-ntk", [](hash& digest, const yarn::rope_shape& shape) {
    for (const std::int64_t length : lengths) {
      yarn::dynamic_part_ntk_scaling method;
      method.original_max_position_embeddings = length;
      for (const std::int64_t seq_len : {std::int64_t{0}, length, length + 1, 3 * length}) {
        add(digest, yarn::make_frequencies(shape, method, seq_len));
      }
    }
  });
  digest_over_lengths<yarn::yarn_scaling>("yarn", yarn_variants);
  digest_over_lengths<yarn::dynamic_yarn_scaling>("dynamic-yarn", yarn_variants);
  digest_over_lengths<yarn::llama3_scaling>("llama3", only_default_parameters);
  digest_over_lengths<yarn::longrope_scaling>(
      "longrope", [](auto method, const yarn::rope_shape& shape, const auto& add_method) {
        std::vector<double> rising, falling;
        for (std::int64_t i = 0; i < shape.head_dim / 2; ++i) {
          rising.push_back(1 + static_cast<double>(i) * 0.375);
          falling.push_back(1 + static_cast<double>(shape.head_dim - i) * 0.0625);
        }
        method.short_factor = falling;
        method.long_factor = rising;
        add_method(method);
      });
  digest_over_shapes("proportional", [](hash& digest, const yarn::rope_shape& shape) {
    for (const double factor : factors) {
      for (const double share : {0.1, 0.25, 0.5, 1.0}) {
        yarn::proportional_scaling method;
        method.factor = factor;
        method.partial_rotary_factor = share;
        add(digest, yarn::make_frequencies(shape, method));
      }
    }
  });
  digest_over_shapes("freq-factors", [](hash& digest, const yarn::rope_shape& shape) {
    yarn::freq_factors_scaling<yarn::ntk_scaling> method;
    method.method.factor = 4;
    std::vector<float> divisors;
    for (std::int64_t i = 0; i < shape.head_dim / 2; ++i) {
      divisors.push_back(1 + static_cast<float>(i) * 0.125F);
    }
    method.freq_factors = divisors;
    add(digest, yarn::make_frequencies(shape, method));
  });

  hash group;
  for (const double theta : thetas) {
    yarn::yarn_scaling method;
    method.factor = 16;
    method.original_max_position_embeddings = 4096;
    const auto a = yarn::make_frequencies(shape_of(128, theta), method);
    const auto b = yarn::make_frequencies(shape_of(128, 1e4), yarn::default_scaling{});
    add(group, yarn::inverse(a));
    add(group, yarn::adjoint(a));
    add(group, yarn::unscaled(a));
    add(group, yarn::rerotation(a, b));
    add(group, yarn::rerotation(b, a));
    add(group, yarn::float32_pipeline(a));
  }
  report("frequencies-group", group);

  hash softmax;
  for (const std::int64_t dim : dims) {
    for (const double factor : factors) {
      yarn::yarn_scaling method;
      method.factor = factor;
      method.original_max_position_embeddings = 4096;
      method.mscale_all_dim = 0.707;
      softmax.add(yarn::softmax_scale(dim, method, yarn::softmax_convention::inverse_sqrt));
      softmax.add(
          yarn::softmax_scale(dim, method, yarn::softmax_convention::mscale_all_dim_squared));
    }
  }
  report("softmax-scale", softmax);
}

// ---- Rows ---------------------------------------------------------------------------------------

yarn::frequencies model(double attention_factor) {
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  method.attention_factor = attention_factor;
  return yarn::make_frequencies(shape_of(138, 1e4), method); // 69 pairs: every kind of tail
}

void digest_rows() {
  constexpr std::int64_t n = 2000;
  constexpr std::int64_t starts[] = {
      0, -1000, 130000, (1 << 24) - 1000, (std::int64_t{1} << 31) - n, -(std::int64_t{1} << 31)};
  const std::vector<yarn::frequencies> models{model(1.0), model(1.2772588722239782)};
  hash run, list, doubles, pipeline;
  random_source random;
  std::vector<std::int64_t> scattered(n);
  yarn::rotary_rows<float> rows;
  yarn::rotary_rows<double> wide;
  for (const yarn::frequencies& freqs : models) {
    const auto add_rows = [&](hash& digest, const auto& rows_added) {
      for (std::int64_t row = 0; row < rows_added.n_rows(); ++row) {
        digest.add(rows_added.cos(row), rows_added.n_pairs());
        digest.add(rows_added.sin(row), rows_added.n_pairs());
      }
    };
    for (const std::int64_t start : starts) {
      rows.assign(freqs, yarn::positions_from(start, n));
      add_rows(run, rows);
      wide.assign(freqs, yarn::positions_from(start, n / 50));
      add_rows(doubles, wide);
      for (std::int64_t i = 0; i < n; ++i) {
        // 12 of 20 positions are consecutive, so that short runs occur, too.
        scattered[static_cast<std::size_t>(i)] =
            i % 20 < 12 ? start + i : static_cast<std::int64_t>(random.next() >> 33U) - (1 << 30);
      }
      rows.assign(freqs, yarn::positions(scattered));
      add_rows(list, rows);
      rows.assign(yarn::float32_pipeline(freqs), yarn::positions(scattered));
      add_rows(pipeline, rows);
    }
  }
  report("rows-run", run);
  report("rows-list", list);
  hash table;
  for (const yarn::frequencies& freqs : models) {
    const auto all = yarn::make_table<float>(freqs, 10000);
    for (std::int64_t row = 0; row < all.n_rows(); ++row) {
      table.add(all.cos(row), all.n_pairs());
      table.add(all.sin(row), all.n_pairs());
    }
  }
  report("rows-table", table);
  report("rows-float32-pipeline", pipeline);
  report("rows-double", doubles);
}

/// Rows of a text and of images of many sizes, on three axes.
void digest_axis_rows() {
  hash digest;
  for (const double attention_factor : {1.0, 1.2772588722239782}) {
    const yarn::frequencies one_axis = model(attention_factor);
    for (const yarn::frequencies& freqs :
         {yarn::with_axes(one_axis, yarn::axis_sections{17, 26, 26}),
          yarn::with_axes(one_axis, yarn::interleaved_sections{25, 22, 22})}) {
      std::vector<std::int64_t> ids; // [token][axis]
      for (std::int64_t t = 0; t < 200; ++t) {
        ids.insert(ids.end(), {t, t, t});
      }
      for (std::int64_t size = 1; size < 40; ++size) {
        for (std::int64_t t = 0; t < size * (size / 2 + 1); ++t) {
          ids.insert(ids.end(), {1000 * size, 1000 * size + t / size, 1000 * size + t % size});
        }
      }
      const auto n = static_cast<std::int64_t>(ids.size()) / 3;
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, yarn::axis_positions(ids.data(), n, 3).with_strides(1, 3));
      for (std::int64_t row = 0; row < n; ++row) {
        digest.add(rows.cos(row), rows.n_pairs());
        digest.add(rows.sin(row), rows.n_pairs());
      }
    }
  }
  report("rows-axes", digest);
}

/// Temperatures, and rows with them: runs, double rows, and layers without RoPE.
void digest_temperatures() {
  const std::vector<double> zeros(69);
  const yarn::frequencies freqs = model(1.2772588722239782);
  const yarn::frequencies still = yarn::frequencies_from(zeros.data(), zeros.size());
  hash by_position, digest;
  random_source random;
  for (const yarn::any_temperature& temperature :
       {yarn::any_temperature{yarn::llama4_temperature{}},
        yarn::any_temperature{yarn::llama4_temperature{0.25, 3.0}},
        yarn::any_temperature{yarn::llama4_temperature{3.5, 1000.25}},
        yarn::any_temperature{yarn::ministral_temperature{0.1, 16384.0}},
        yarn::any_temperature{yarn::log_n_temperature{2048.0}},
        yarn::any_temperature{yarn::log_n_temperature{3000.0}},
        yarn::any_temperature{yarn::log_n_temperature{1.5}}}) {
    for (int i = 0; i < 3000; ++i) {
      by_position.add(temperature(static_cast<std::int64_t>(random.next() >> (33 + i % 31))));
    }
    const auto add_rows = [&](const auto& rows) {
      for (std::int64_t row = 0; row < rows.n_rows(); ++row) {
        digest.add(rows.cos(row), rows.n_pairs());
        digest.add(rows.sin(row), rows.n_pairs());
      }
    };
    yarn::rotary_rows<float> rows;
    for (const std::int64_t start : {0, 1900, 8000, 100000, 2147470000}) {
      rows.assign(freqs, yarn::positions_from(start, 1500), temperature);
      rows.append(still, yarn::positions_from(start, 300), temperature);
      rows.append(freqs, yarn::positions_from(start + 8190, 5), temperature);
      add_rows(rows);
      yarn::rotary_rows<double> wide;
      wide.assign(freqs, yarn::positions_from(start, 20), temperature);
      add_rows(wide);
    }
  }
  report("temperatures", by_position);
  report("rows-temperature", digest);
}

/// Rows with one entry that is as near to a rounding boundary as a double m can put it: m is the
/// middle between two floats, divided by the cosine. Only the slowest path can round this entry.
void digest_hard_rows() {
  const yarn::frequencies freqs = model(1.0);
  random_source random;
  hash digest;
  for (int i = 0; i < 400; ++i) {
    const auto position = static_cast<std::int64_t>(random.next() >> 40U) - (1 << 23);
    const std::uint64_t step = freqs.phase_steps()[i % freqs.n_pairs()];
    const yarn::real cosine =
        yarn::detail::exact_point(step * static_cast<std::uint64_t>(position)).cos;
    const std::uint64_t middle = std::uint64_t{1} << 24U | random.next() >> 40U | 1U; // 25 bits
    const yarn::real m = yarn::real(middle) * yarn::real(0x1p-25) / cosine;
    const auto hard = yarn::frequencies_from(freqs.inv_freq().data(), freqs.n_pairs(),
                                             static_cast<double>(m.is_negative() ? -m : m));
    yarn::rotary_rows<float> rows;
    rows.assign(hard, yarn::positions_from(position - i % 96, 100));
    rows.append(hard, yarn::positions_from(position, 1));
    for (std::int64_t row = 0; row < rows.n_rows(); ++row) {
      digest.add(rows.cos(row), rows.n_pairs());
      digest.add(rows.sin(row), rows.n_pairs());
    }
  }
  report("rows-hard", digest);
}

// ---- Rotations ----------------------------------------------------------------------------------

template <class T> T element(float value);
template <> float element(float value) { return value; }
template <> double element(float value) { return static_cast<double>(value) * (1 + 0x1p-30); }
template <> yarn::float16 element(float value) {
  // Bit patterns of all magnitudes below 2^13, subnormal numbers included.
  const auto bits = static_cast<std::uint16_t>(static_cast<std::int32_t>(value * 0x1p22F));
  return {static_cast<std::uint16_t>((bits & 0x8000U) | (bits & 0x7fffU) % 0x7000U)};
}
template <> yarn::bfloat16 element(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return {static_cast<std::uint16_t>(bits >> 16U)};
}

template <class T> void digest_rotation(const std::string& type, yarn::pairing p) {
  hash digest;
  random_source random;
  const yarn::frequencies freqs = model(1.2772588722239782);
  constexpr std::int64_t tokens = 60, heads = 5;
  for (const std::int64_t rotary : {2, 6, 16, 32, 64, 96, 128, 138}) {
    const auto part_of_freqs =
        yarn::frequencies_from(freqs.inv_freq().data(), rotary / 2, freqs.attention_factor());
    const std::int64_t dim = rotary + 3;
    std::vector<T> data;
    for (std::int64_t i = 0; i < tokens * heads * dim; ++i) {
      data.push_back(element<T>(random.number()));
    }
    yarn::rope_apply(yarn::heads_view{data.data(), tokens, heads, dim},
                     yarn::rows_of(part_of_freqs, yarn::positions_from(131000)), p);
    digest.add(data.data(), static_cast<std::int64_t>(data.size()));
  }
  report("rotation-" + type + (p == yarn::pairing::half_split ? "-half-split" : "-interleaved") +
             (YARN_HAS_FMA ? "-fma" : "-no-fma"),
         digest);
}

void digest_rotations() {
  for (const yarn::pairing p : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    digest_rotation<float>("float", p);
    digest_rotation<double>("double", p);
    digest_rotation<yarn::float16>("float16", p);
    digest_rotation<yarn::bfloat16>("bfloat16", p);
  }
}

/// Heads of all sizes with norms of every kind. A weight has 16 bits.
template <class T> void digest_norm(const std::string& type, yarn::pairing p) {
  hash digest;
  random_source random;
  const yarn::frequencies freqs = model(1.2772588722239782);
  constexpr std::int64_t tokens = 7, heads = 35;
  for (const std::int64_t rotary : {2, 6, 16, 32, 64, 96, 128, 138}) {
    const auto part_of_freqs =
        yarn::frequencies_from(freqs.inv_freq().data(), rotary / 2, freqs.attention_factor());
    for (const std::int64_t dim : {rotary, rotary + 45}) {
      std::vector<yarn::bfloat16> weights;
      for (std::int64_t i = 0; i < heads * dim; ++i) {
        weights.push_back(element<yarn::bfloat16>(random.number()));
      }
      const auto add_result = [&](const auto& norm) {
        std::vector<T> data;
        for (std::int64_t i = 0; i < tokens * heads * dim; ++i) {
          data.push_back(element<T>(random.number()));
        }
        yarn::rope_apply(yarn::normed(yarn::heads_view{data.data(), tokens, heads, dim}, norm),
                         yarn::rows_of(part_of_freqs, yarn::positions_from(131000)), p);
        digest.add(data.data(), static_cast<std::int64_t>(data.size()));
      };
      const yarn::rms_norm shared(weights.data(), 1e-6);
      add_result(shared);
      add_result(shared.with_weight_plus_one());
      add_result(shared.with_weight_of_each_head());
      add_result(shared.over_all_heads());
      add_result(yarn::rms_norm_without_weight(1e-5));
      add_result(yarn::layer_norm(weights.data(), 1e-5));
    }
  }
  report("norm-" + type + (p == yarn::pairing::half_split ? "-half-split" : "-interleaved") +
             (YARN_HAS_FMA ? "-fma" : "-no-fma"),
         digest);
}

void digest_norms() {
  for (const yarn::pairing p : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    digest_norm<float>("float", p);
    digest_norm<double>("double", p);
    digest_norm<yarn::float16>("float16", p);
    digest_norm<yarn::bfloat16>("bfloat16", p);
  }
}

// ---- Comparison with the expected digests -------------------------------------------------------

bool is_of_other_builds(const std::string& name) {
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() &&
           name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  const bool without_fma = ends_with("-no-fma");
  return YARN_HAS_FMA ? without_fma : ends_with("-fma") && !without_fma;
}

bool matches(const char* path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "digest: cannot read %s\n", path);
    return false;
  }
  std::map<std::string, std::string> expected;
  std::string name, value;
  while (file >> name) {
    if (name[0] == '#') {
      std::getline(file, value);
    } else if (file >> value) {
      expected[name] = value;
    }
  }
  bool all = true;
  for (const std::string& reported : order) {
    const auto found = expected.find(reported);
    if (found == expected.end() || found->second != digests[reported]) {
      all = false;
      std::fprintf(stderr, "digest: %s is %s, expected %s\n", reported.c_str(),
                   digests[reported].c_str(),
                   found == expected.end() ? "nothing" : found->second.c_str());
    }
  }
  // Only rotations and norms of the other kind of build (with or without a fused multiply-add) may
  // be missing.
  for (const auto& entry : expected) {
    if (digests.count(entry.first) == 0 && !is_of_other_builds(entry.first)) {
      all = false;
      std::fprintf(stderr, "digest: %s is expected and was not made\n", entry.first.c_str());
    }
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  try {
    digest_frequencies();
    digest_rows();
    digest_axis_rows();
    digest_temperatures();
    digest_hard_rows();
    digest_rotations();
    digest_norms();
    return argc < 2 || matches(argv[1]) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "digest: %s\n", error.what());
    return 2;
  }
}
