// SPDX-License-Identifier: MIT
// The error of cached keys that are moved in place 1, 10 and 100 times, in each format: the table
// of docs/moving-cached-keys.md. The program prints the table.
#include "../support/cache_matrix.hpp"

#include <cstdio>

namespace {

using namespace support;
using yarn::heads_view;

template <class T> format_case elements(const char* name) {
  static const any_format::model_of model(yarn::detail::plain_elements<T>{});
  return {name, any_format(model), 0, nullptr};
}

/// The root mean square of the error, relative to that of the keys, in percent.
struct errors {
  const char* format;
  double stored, moved_1, moved_10, moved_100; // moves by 512 tokens
  double moved_100_by_1;                       // 100 moves by 1 token
  bool is_idempotent;                          // decoding and encoding again gives the same bytes
};

constexpr std::int64_t n_keys = 400, dim = 128;

/// Keys with normally distributed elements (sums of 12 uniform numbers), exact at any position.
class keys {
public:
  keys() : x_(static_cast<std::size_t>(n_keys * dim)) {
    random_source random(77);
    for (double& value : x_)
      for (int i = 0; i < 12; ++i)
        value += random.number(-0.5, 0.5);
  }
  /// The keys after a move by this distance.
  std::vector<double> at(std::int64_t distance) const {
    std::vector<double> moved = x_;
    yarn::rope_apply(heads_view<double>(moved.data(), n_keys, 1, dim),
                     yarn::rows_of(frequencies(), same(distance)), yarn::pairing::half_split);
    return moved;
  }
  static yarn::frequencies frequencies() {
    std::vector<double> inv_freq(dim / 2);
    for (std::size_t i = 0; i < inv_freq.size(); ++i)
      inv_freq[i] = std::pow(500000.0, -static_cast<double>(i) / 64);
    return yarn::frequencies_from(inv_freq.data(), inv_freq.size());
  }
  static yarn::positions same(std::int64_t position) {
    static std::vector<std::int64_t> list;
    list.assign(n_keys, position);
    return yarn::positions(list);
  }

private:
  std::vector<double> x_;
};

double relative_error(const std::vector<float>& found, const std::vector<double>& exact) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = static_cast<double>(found[i]) - exact[i];
    error += difference * difference;
    size += exact[i] * exact[i];
  }
  return 100 * std::sqrt(error / size);
}

/// The heads of a cache in one format.
class cached_keys {
  std::int64_t size() const { return format_.format.head_bytes(dim); }
  auto view(std::vector<unsigned char>& bytes) const {
    return yarn::stored(heads_view<unsigned char>(bytes.data(), n_keys, 1, size()), format_.format,
                        dim);
  }

public:
  explicit cached_keys(const format_case& format)
      : format_(format), bytes_(static_cast<std::size_t>(n_keys * size())) {
    const std::vector<double> first = keys_.at(0);
    yarn::copy_heads(heads_view<const double>(first.data(), n_keys, 1, dim), view(bytes_));
  }
  /// The error after n moves.
  double error_after(int n, std::int64_t distance) {
    for (; n_moves_ < n; ++n_moves_)
      yarn::rope_apply(view(bytes_), yarn::rows_of(keys::frequencies(), keys::same(distance)),
                       yarn::pairing::half_split);
    return relative_error(decoded(), keys_.at(n * distance));
  }
  bool is_idempotent() {
    const std::vector<float> values = decoded();
    const std::vector<float> scales = format_.scales();
    std::vector<unsigned char> again(bytes_.size());
    yarn::copy_heads(heads_view<const float>(values.data(), n_keys, 1, dim), view(again));
    return again == bytes_ && format_.scales() == scales;
  }

private:
  std::vector<float> decoded() {
    std::vector<float> values(static_cast<std::size_t>(n_keys * dim));
    yarn::copy_heads(view(bytes_), heads_view<float>(values.data(), n_keys, 1, dim));
    return values;
  }

  keys keys_;
  const format_case& format_;
  std::vector<unsigned char> bytes_;
  int n_moves_ = 0;
};

errors measured(const format_case& format) {
  // The format holds the scales of one cache only, so `near` is done before `far` is made.
  cached_keys near(format);
  const double moved_100_by_1 = near.error_after(100, -1);
  cached_keys far(format);
  errors found{format.name.c_str(), far.error_after(0, -512), 0, 0, 0, 0, far.is_idempotent()};
  found.moved_1 = far.error_after(1, -512);
  found.moved_10 = far.error_after(10, -512);
  found.moved_100 = far.error_after(100, -512);
  found.moved_100_by_1 = moved_100_by_1;
  return found;
}

// The numbers of docs/moving-cached-keys.md.
constexpr errors documented[] = {
    {"float", 2.5e-6, 4.9e-6, 2.4e-5, 2.1e-4, 2.1e-4, true},
    {"float16", 0.021, 0.029, 0.091, 0.37, 0.79, true},
    {"bfloat16", 0.17, 0.23, 0.78, 4.4, 4.7, true},
    {"float8_e4m3", 2.6, 3.5, 10, 71, 62, true},
    {"float8_e5m2", 5.3, 6.9, 20, 94, 80, true},
    {"int8 computed", 0.63, 0.89, 2.4, 12, 16, true},
    {"e4m3 computed", 2.6, 3.6, 9.4, 54, 61, true},
    {"e5m2 computed", 5.1, 7.0, 19, 120, 150, true},
    {"q8_0", 0.52, 0.74, 2.2, 10, 9.5, true},
    {"q8_0 avx", 0.52, 0.74, 2.2, 10, 9.5, true},
    {"q5_1", 3.7, 5.2, 13, 50, 40, true},
    {"q5_0", 4.2, 5.7, 16, 74, 64, true},
    {"q4_1", 7.7, 11, 27, 110, 91, true},
    {"q4_0", 8.5, 11, 31, 120, 100, true},
    {"iq4_nl", 7.8, 10, 27, 97, 79, true},
    {"own", 1.0, 1.4, 3.9, 21, 26, false},
};

TEST(kv_cache_error, of_moved_keys_is_the_documented_one) {
  std::vector<format_case> formats = block_formats();
  for (const auto& scaled :
       {scaled_formats<std::int8_t>("int8"), scaled_formats<yarn::float8_e4m3>("e4m3"),
        scaled_formats<yarn::float8_e5m2>("e5m2")})
    for (const format_case& format : scaled)
      if (format.name.find("computed") == format.name.size() - 8)
        formats.push_back(format);
  formats.insert(formats.begin(),
                 {elements<float>("float"), elements<yarn::float16>("float16"),
                  elements<yarn::bfloat16>("bfloat16"), elements<yarn::float8_e4m3>("float8_e4m3"),
                  elements<yarn::float8_e5m2>("float8_e5m2")});
  std::printf("| format | stored | 1 move | 10 moves | 100 moves | 100 by 1 | idempotent |\n");
  for (const format_case& format : formats) {
    const errors found = measured(format);
    std::printf("| %s | %.2g | %.2g | %.2g | %.2g | %.2g | %s |\n", format.name.c_str(),
                found.stored, found.moved_1, found.moved_10, found.moved_100, found.moved_100_by_1,
                found.is_idempotent ? "yes" : "no");
    bool is_documented = false;
    for (const errors& expected : documented)
      if (format.name == expected.format) {
        is_documented = true;
        const auto expect_near = [&](double a, double b) {
          EXPECT_NEAR(a, b, 0.06 * b) << format.name; // the table has two digits
        };
        expect_near(found.stored, expected.stored);
        expect_near(found.moved_1, expected.moved_1);
        expect_near(found.moved_10, expected.moved_10);
        expect_near(found.moved_100, expected.moved_100);
        expect_near(found.moved_100_by_1, expected.moved_100_by_1);
        EXPECT_EQ(found.is_idempotent, expected.is_idempotent) << format.name;
      }
    EXPECT_TRUE(is_documented) << format.name;
  }
}

} // namespace
