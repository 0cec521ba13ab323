// SPDX-License-Identifier: MIT
// Helpers of the benchmarks: warm memory, baselines, and ratios that are stable on a noisy machine.
#ifndef YARN_BENCH_SUPPORT_HPP
#define YARN_BENCH_SUPPORT_HPP

#include <benchmark/benchmark.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#if defined(__linux__)
#include <ctime>
#include <sys/mman.h>
#endif

namespace support {

// ---- memory ------------------------------------------------------------------------------------

/// An array in huge pages, if the system provides them. Every page is written once, because the
/// first write to a page costs more than all work that is measured here. Small pages would slow
/// down the work and the baselines alike.
template <class T> class warm_array {
public:
  explicit warm_array(std::size_t n)
      : data_(static_cast<T*>(::operator new(n * sizeof(T), page))), size_(n) {
#if defined(__linux__)
    madvise(data_.get(), n * sizeof(T), MADV_HUGEPAGE); // a failure costs only speed
#endif
    std::uint32_t seed = 1;
    for (std::size_t i = 0; i < n; ++i) {
      seed = seed * 1664525 + 1013904223;
      set(data_.get()[i], seed);
    }
  }
  T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

private:
  // Sets x to a random number with a magnitude between about 1/2 and 1, never zero or subnormal.
  static void set(yarn::float16& x, std::uint32_t seed) {
    x.bits = static_cast<std::uint16_t>((seed >> 16 & 0x83ff) | 0x3800);
  }
  static void set(yarn::bfloat16& x, std::uint32_t seed) {
    x.bits = static_cast<std::uint16_t>((seed >> 16 & 0x807f) | 0x3f00);
  }
  template <class Float> static void set(Float& x, std::uint32_t seed) {
    const Float size = static_cast<Float>(seed >> 8) * static_cast<Float>(0x1p-25);
    x = seed % 2 == 0 ? static_cast<Float>(0.5) + size : static_cast<Float>(-0.5) - size;
  }

  static constexpr std::align_val_t page{std::size_t{1} << 21};
  struct release {
    void operator()(T* data) const { ::operator delete(data, page); }
  };
  std::unique_ptr<T, release> data_;
  std::size_t size_;
};

// ---- baselines ---------------------------------------------------------------------------------

template <class T> using widest_pack = yarn::detail::pack<T, yarn::detail::default_arch>;

/// The least work that any operation in place must do: reads n elements, multiplies them, and
/// writes them, with the vectors that the library uses. An iteration handles 4 cache lines. n is a
/// multiple of 128.
template <bool Prefetching, class T> void scale_by_lines(T* data, std::size_t n, T factor) {
  const widest_pack<T> f(factor);
  constexpr std::size_t width = widest_pack<T>::size;
  constexpr std::size_t line = 64 / sizeof(T);
  for (std::size_t i = 0; i < n; i += 4 * line) {
#if defined(__GNUC__)
    if constexpr (Prefetching)
      for (std::size_t ahead = 2048; ahead < 2048 + 256; ahead += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(data + i) + ahead, 1);
#endif
    for (std::size_t j = i; j < i + 4 * line; j += width)
      (widest_pack<T>::load_unaligned(data + j) * f).store_unaligned(data + j);
  }
}
template <class T> void scale(T* data, std::size_t n, T factor) {
  scale_by_lines<false>(data, n, factor);
}
/// As `scale`, with a prefetch of every cache line 2 KB ahead. This baseline is faster if memory is
/// the limit.
template <class T> void scale_prefetching(T* data, std::size_t n, T factor) {
  scale_by_lines<true>(data, n, factor);
}

/// Converts 16-bit elements to float and back, in place: the least arithmetic that an operation on
/// such elements must do. n is a multiple of 128.
template <class T> void convert(T* data, std::size_t n) {
  constexpr std::size_t width = widest_pack<float>::size;
  for (std::size_t i = 0; i < n; i += 4 * width) {
    using namespace yarn::detail;
#if !defined(YARN_NO_XSIMD)
    if constexpr (yarn::format_of_v<T> == yarn::element_format::bfloat16)
      store_words(load_words(data + i, widest_pack<float>{}), data + i,
                  load_words(data + i + 2 * width, widest_pack<float>{}), data + i + 2 * width);
    else
#endif
      for (std::size_t j = i; j < i + 4 * width; j += width)
        store_elements(load_elements(data + j, widest_pack<float>{}), data + j);
  }
}
/// Converts floats to T, into other memory. n is a multiple of 128.
template <class T> void convert_copy(const float* from, T* to, std::size_t n) {
  using wide = widest_pack<float>;
  for (std::size_t i = 0; i < n; i += 2 * wide::size)
    yarn::detail::store_elements(
        yarn::detail::two_packs<wide>{wide::load_unaligned(from + i),
                                      wide::load_unaligned(from + i + wide::size)},
        to + i, to + i + wide::size);
}

// ---- comparing ---------------------------------------------------------------------------------

/// CPU seconds of this thread on Linux, so that other programs on the same processor are not
/// counted. On other systems, seconds of a steady clock.
inline double now() {
#if defined(__linux__)
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
#else
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
#endif
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Work> struct contender {
  const char* name;
  Work work;
};
template <class Work> contender(const char*, Work) -> contender<Work>;

/// Seconds that one call of `work` takes, over `repetitions` calls.
template <class Work> double seconds_per_call(const Work& work, std::int64_t repetitions) {
  const double start = now();
  for (std::int64_t i = 0; i < repetitions; ++i) {
    work();
    benchmark::ClobberMemory();
  }
  return (now() - start) / static_cast<double>(repetitions);
}

/// The number of calls that together take at least `seconds`, found by doubling.
template <class Work> std::int64_t repetitions_for(const Work& work, double seconds) {
  std::int64_t repetitions = 1;
  while (seconds_per_call(work, repetitions) * static_cast<double>(repetitions) < seconds)
    repetitions *= 2;
  return repetitions;
}

/// Compares `work` with `others`. In each round every contender is called for about a millisecond,
/// or once if a call takes longer. So a change of the clock rate or another busy program
/// affects all contenders. Reports the median time of `work`, and `bytes` (read and written per
/// call) divided by this time. For each other contender, reports the median over all rounds of its
/// time / the time of `work`. If this ratio is above 1, `work` is faster.
///
/// One iteration of the benchmark is the whole measurement. Register the benchmark with
/// add_comparison.
template <class Work, class... Others>
void compare(benchmark::State& state, std::size_t bytes, const Work& work,
             const contender<Others>&... others) {
  constexpr int rounds = 31;
  constexpr double round_seconds = 1e-3;
  constexpr std::size_t n_others = sizeof...(Others);
  for ([[maybe_unused]] auto iteration : state) {
    const std::int64_t repetitions = repetitions_for(work, round_seconds);
    const std::array<std::int64_t, n_others> other_repetitions = {
        repetitions_for(others.work, round_seconds)...};
    std::vector<double> times;
    std::array<std::vector<double>, n_others> ratios;
    for (int round = 0; round < rounds; ++round) {
      times.push_back(seconds_per_call(work, repetitions));
      std::size_t i = 0;
      ((ratios[i].push_back(seconds_per_call(others.work, other_repetitions[i]) / times.back()),
        ++i),
       ...);
    }
    state.SetIterationTime(median(times));
    std::size_t i = 0;
    ((state.counters[std::string("vs_") + others.name] = median(ratios[i++])), ...);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

inline benchmark::internal::Benchmark* add(const std::string& name,
                                           const std::function<void(benchmark::State&)>& function) {
#if defined(__clang_analyzer__)
  // clang's analyzer reports a leak here, but the benchmark library owns the object.
  static_cast<void>(name), static_cast<void>(function);
  return nullptr;
#else
  return benchmark::RegisterBenchmark(name.c_str(), function);
#endif
}

/// Registers a function that calls `compare`.
inline void add_comparison(const std::string& name,
                           const std::function<void(benchmark::State&)>& function) {
  if (auto* const added = add(name, function))
    added->Iterations(1)->UseManualTime()->Unit(benchmark::kMicrosecond);
}

// ---- names -------------------------------------------------------------------------------------

inline std::string arch_name() {
#if defined(YARN_NO_XSIMD)
  return "scalar";
#else
  return yarn::detail::default_arch::name();
#endif
}

template <class T> constexpr const char* type_name() {
  switch (yarn::format_of_v<T>) {
  case yarn::element_format::binary64:
    return "f64";
  case yarn::element_format::binary32:
    return "f32";
  case yarn::element_format::binary16:
    return "f16";
  default:
    return "bf16";
  }
}

constexpr const char* pairing_name(yarn::pairing p) {
  return p == yarn::pairing::half_split ? "half_split" : "interleaved";
}

// ---- models ------------------------------------------------------------------------------------

inline yarn::rope_shape shape_of(std::int64_t head_dim) {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = 10000.0;
  return shape;
}

/// Yarn-Llama-2-7b-128k without its attention factor, so that the elements of a tensor that is
/// rotated many times keep their size. The attention factor costs no time, because it is in the
/// rows.
inline yarn::frequencies steady_frequencies(std::int64_t rotary_dim = 128) {
  yarn::yarn_scaling method;
  method.factor = 32.0;
  method.original_max_position_embeddings = 4096;
  return yarn::unscaled(yarn::make_frequencies(shape_of(rotary_dim), method));
}

} // namespace support

#endif
