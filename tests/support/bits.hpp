// SPDX-License-Identifier: MIT
// Bits of numbers, random numbers, and memory beside inaccessible pages, for the tests of rows and
// rotations. The file includes no header of the library.
#ifndef YARN_TESTS_SUPPORT_BITS_HPP
#define YARN_TESTS_SUPPORT_BITS_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#include <unistd.h>
#define YARN_TEST_HAS_FENCES 1
#endif

namespace support {

template <class T>
using bits_type = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T> bits_type<T> bits_of(T value) {
  static_assert(sizeof(T) == sizeof(bits_type<T>));
  bits_type<T> bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
template <class T> T from_bits(bits_type<T> bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The first index at which two arrays differ in a bit, or -1 if there is none. (0 and -0 differ.)
template <class T> std::ptrdiff_t first_difference(const T* a, const T* b, std::size_t n) {
  if (n == 0 || std::memcmp(a, b, n * sizeof(T)) == 0) {
    return -1;
  }
  std::size_t at = 0;
  while (std::memcmp(a + at, b + at, sizeof(T)) == 0) {
    ++at;
  }
  return static_cast<std::ptrdiff_t>(at);
}

/// Half the distance between neighbouring numbers with `digits` significant bits, at a magnitude
/// `size` > 0.
inline double half_unit(double size, int digits) {
  return std::ldexp(0.5, std::ilogb(size) - digits + 1);
}

/// The unit in the last place of T at a magnitude `size` > 0.
template <class T> double ulp_at(double size) {
  return 2 * half_unit(size, std::is_same_v<T, double> ? 53 : 24);
}

/// splitmix64. It gives the same numbers with every standard library.
class random_source {
public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// An integer in [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t offset = span == UINT64_MAX ? next() : next() % (span + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
  }
  /// A number in [low, high), on a grid of 2^-53 of the interval.
  double number(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11U) * 0x1p-53);
  }

private:
  std::uint64_t state_;
};

/// The side of an array on which the inaccessible page lies.
enum class fence { after, before };

/// n elements directly before or after an inaccessible page. An access beyond the elements on the
/// side of this page ends the program. On systems without such pages the elements are on the heap,
/// where sanitizers find the access.
template <class T> class fenced_array {
public:
  explicit fenced_array(std::size_t n, fence side = fence::after) : size_(n) {
#if defined(YARN_TEST_HAS_FENCES)
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (n * sizeof(T) + page - 1) / page * page;
    mapped_ = bytes + 2 * page;
    void* const map =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
      throw std::bad_alloc();
    }
    map_ = static_cast<char*>(map);
    if (mprotect(map_, page, PROT_NONE) != 0 ||
        mprotect(map_ + page + bytes, page, PROT_NONE) != 0) {
      throw std::bad_alloc();
    }
    const std::size_t offset = side == fence::before ? 0 : bytes - n * sizeof(T);
    data_ = reinterpret_cast<T*>(map_ + page + offset);
#else
    static_cast<void>(side);
    heap_ = std::make_unique<T[]>(n);
    data_ = heap_.get();
#endif
  }
  fenced_array(const fenced_array&) = delete;
  fenced_array& operator=(const fenced_array&) = delete;
  ~fenced_array() {
#if defined(YARN_TEST_HAS_FENCES)
    munmap(map_, mapped_);
#endif
  }

  T* data() { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_[i]; }

private:
#if defined(YARN_TEST_HAS_FENCES)
  char* map_ = nullptr;
  std::size_t mapped_ = 0;
#else
  std::unique_ptr<T[]> heap_;
#endif
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_BITS_HPP
