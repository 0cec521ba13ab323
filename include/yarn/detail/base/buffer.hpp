// SPDX-License-Identifier: MIT
// An owning array of trivially copyable elements, aligned to cache lines. It replaces std::vector
// for two reasons: the linker shares instantiations of std::vector between instruction sets
// (abi.hpp), and std::vector zero-fills memory that the caller overwrites at once.
#ifndef YARN_DETAIL_BASE_BUFFER_HPP
#define YARN_DETAIL_BASE_BUFFER_HPP

#include "abi.hpp"

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class T> class buffer {
  static_assert(std::is_trivially_copyable_v<T>, "elements are copied as bytes");

public:
  static constexpr std::size_t alignment = 64;

  buffer() = default;
  explicit buffer(std::size_t size) { resize_discarding(size); }
  buffer(const buffer& other) : buffer(other.size_) { copy_from(other.data_); }
  buffer(buffer&& other) noexcept { swap(other); }
  buffer& operator=(const buffer& other) {
    if (this != &other) {
      resize_discarding(other.size_);
      copy_from(other.data_);
    }
    return *this;
  }
  buffer& operator=(buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~buffer() { release(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

  /// All elements are uninitialised afterwards. The memory is kept if it is large enough.
  void resize_discarding(std::size_t size) {
    if (size > capacity_) {
      T* fresh = allocate(size);
      release(data_);
      data_ = fresh;
      capacity_ = size;
    }
    size_ = size;
  }

  /// Keeps the elements; new elements are uninitialised. If the memory is too small, the capacity
  /// grows by at least one half.
  void resize_keeping(std::size_t size) {
    if (size > capacity_) {
      const std::size_t grown = capacity_ + capacity_ / 2;
      const std::size_t capacity = size > grown ? size : grown;
      T* fresh = allocate(capacity);
      if (size_ != 0)
        std::memcpy(static_cast<void*>(fresh), data_, size_ * sizeof(T));
      release(data_);
      data_ = fresh;
      capacity_ = capacity;
    }
    size_ = size;
  }

private:
  static T* allocate(std::size_t size) {
    if (size > static_cast<std::size_t>(-1) / 2 / sizeof(T))
      size = static_cast<std::size_t>(-1) / 2 / sizeof(T); // operator new throws bad_alloc for it
    return static_cast<T*>(::operator new (size * sizeof(T), std::align_val_t{alignment}));
  }
  static void release(T* data) { ::operator delete (data, std::align_val_t{alignment}); }
  void copy_from(const T* source) {
    if (size_ != 0)
      std::memcpy(static_cast<void*>(data_), source, size_ * sizeof(T));
  }
  void swap(buffer& other) noexcept {
    T* const data = data_;
    const std::size_t size = size_;
    const std::size_t capacity = capacity_;
    data_ = other.data_, size_ = other.size_, capacity_ = other.capacity_;
    other.data_ = data, other.size_ = size, other.capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
