// SPDX-License-Identifier: MIT
// Measures making rows and tables: cos and sin of 64 pairs for several kinds of positions. Compares
// with libm for the same rows, and with memset of the same bytes.
#include "support.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

using support::contender;

constexpr std::int64_t n_pairs = 64;
constexpr std::int64_t stride = 2 * n_pairs; // [cos | sin]

std::vector<std::int64_t> run_from(std::int64_t first, std::int64_t n) {
  std::vector<std::int64_t> list;
  for (std::int64_t i = 0; i < n; ++i)
    list.push_back(first + i);
  return list;
}

/// Positions below 131072 without two consecutive ones.
std::vector<std::int64_t> scattered(std::int64_t n) {
  std::vector<std::int64_t> list;
  std::uint32_t seed = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    seed = seed * 1664525 + 1013904223;
    list.push_back(static_cast<std::int64_t>(seed >> 15 & ~3U) + 2 * (i % 2));
  }
  return list;
}

/// Makes rows as most programs do: one angle per pair, and cos and sin of libm. Real is the type of
/// the angle.
template <class Real, class T>
void libm_rows(const std::vector<Real>& inv_freq, const std::vector<std::int64_t>& list, T* out) {
  for (const std::int64_t position : list) {
    for (std::size_t i = 0; i < inv_freq.size(); ++i) {
      const Real angle = static_cast<Real>(position) * inv_freq[i];
      out[i] = static_cast<T>(std::cos(angle));
      out[i + inv_freq.size()] = static_cast<T>(std::sin(angle));
    }
    out += 2 * inv_freq.size();
  }
}

/// Measures writing the rows of `list` to warm memory. The positions are always a list; fill_rows
/// finds consecutive positions in a list itself.
template <class T, class Real>
void rows(benchmark::State& state, const yarn::frequencies& freqs,
          const std::vector<std::int64_t>& list) {
  const support::warm_array<T> memory(list.size() * static_cast<std::size_t>(stride));
  const auto view = freqs.inv_freq();
  const std::vector<Real> inv_freq(view.begin(), view.end());
  const auto ours = [&] {
    yarn::fill_rows(freqs, yarn::positions(list), memory.data(), memory.data() + n_pairs, stride);
  };
  const auto libm = [&] { libm_rows(inv_freq, list, memory.data()); };
  const auto memset = [&] { std::memset(memory.data(), 1, memory.bytes()); };
  support::compare(state, memory.bytes(), ours, contender{"libm", libm},
                   contender{"memset", memset});
  state.SetItemsProcessed(static_cast<std::int64_t>(list.size()));
}

template <class T, class Real = double>
void add(const std::string& name, const yarn::frequencies& freqs,
         const std::vector<std::int64_t>& list) {
  support::add_comparison("rows/" + name + "/" + support::type_name<T>() + "/" +
                              std::to_string(list.size()) + "x64_pairs/" + support::arch_name(),
                          [=](benchmark::State& state) { rows<T, Real>(state, freqs, list); });
}

/// Measures rows with a temperature beside the same rows without.
template <class Temperature>
void add_temperature(const std::string& name, const yarn::frequencies& freqs,
                     const Temperature& temperature) {
  for (const std::int64_t n : {1, 96, 4096}) {
    const std::vector<std::int64_t> list = run_from(100000, n);
    support::add_comparison(
        "rows/" + name + "/f32/" + std::to_string(n) + "x64_pairs/" + support::arch_name(),
        [=](benchmark::State& state) {
          const support::warm_array<float> memory(static_cast<std::size_t>(n * stride));
          const auto with = [&] {
            yarn::fill_rows(freqs, yarn::positions(list), temperature, memory.data(),
                            memory.data() + n_pairs, stride);
          };
          const auto without = [&] {
            yarn::fill_rows(freqs, yarn::positions(list), memory.data(), memory.data() + n_pairs,
                            stride);
          };
          support::compare(state, memory.bytes(), with, contender{"no_temperature", without});
          state.SetItemsProcessed(n);
        });
  }
}

/// Measures the rows of an image of size x size tokens, with the layout of Qwen2-VL, beside the
/// rows of as many tokens of text.
void image_rows(benchmark::State& state, const yarn::frequencies& text, std::int64_t size) {
  const auto image = yarn::with_axes(text, yarn::axis_sections{16, 24, 24});
  const std::int64_t n = size * size;
  std::vector<std::int64_t> ids;
  for (std::int64_t axis = 0; axis < 3; ++axis)
    for (std::int64_t t = 0; t < n; ++t)
      ids.push_back(1000 + (axis == 0 ? 0 : axis == 1 ? t / size : t % size));
  const support::warm_array<float> memory(static_cast<std::size_t>(n * stride));
  const auto of_image = [&] {
    yarn::fill_rows(image, yarn::axis_positions(ids.data(), n, 3), memory.data(),
                    memory.data() + n_pairs, stride);
  };
  const auto of_text = [&] {
    yarn::fill_rows(text, yarn::positions_from(1000, n), memory.data(), memory.data() + n_pairs,
                    stride);
  };
  support::compare(state, memory.bytes(), of_image, contender{"text", of_text});
  state.SetItemsProcessed(n);
}

const bool registered = [] {
  const yarn::frequencies freqs = support::steady_frequencies();
  const yarn::frequencies pipeline = yarn::float32_pipeline(freqs);
  add<float>("one_position", freqs, {131071});
  add<float>("list", freqs, scattered(64));
  add<float>("run", freqs, run_from(100000, 64));
  add<float>("run", freqs, run_from(100000, 4096));
  add<float>("table", freqs, run_from(0, 131072));
  add<double>("one_position", freqs, {131071});
  add<double>("list", freqs, scattered(64));
  add<float, float>("float32_pipeline", pipeline, {131071});
  add<float, float>("float32_pipeline", pipeline, scattered(64));
  add_temperature("llama4", freqs, yarn::llama4_temperature{});
  add_temperature("ministral", freqs, yarn::ministral_temperature{0.1, 16384.0});
  add_temperature("log_n", freqs, yarn::log_n_temperature{2048.0});
  for (const std::int64_t size : {16, 24, 32, 48, 64})
    support::add_comparison("rows/image/f32/" + std::to_string(size) + "x" + std::to_string(size) +
                                "x64_pairs/" + support::arch_name(),
                            [=](benchmark::State& state) { image_rows(state, freqs, size); });
  return true;
}();

} // namespace
