// SPDX-License-Identifier: MIT
// Errors of the C API, and its structs with a size.
#ifndef YARN_DETAIL_C_API_STATUS_HPP
#define YARN_DETAIL_C_API_STATUS_HPP

#include "../base/message.hpp"
#include "kernels.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#if !YARN_EXCEPTIONS
#error "yarn: the C API is compiled with exceptions, which it turns into a yarn_status"
#endif

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The longest message of the library has message_size - 1 characters. Those of the standard library
// may be longer, and are cut.
inline thread_local char last_message[2 * message_size] = "";

inline yarn_status failed(yarn_status status, const char* message) noexcept {
  std::snprintf(last_message, sizeof last_message, "%s", message);
  return status;
}

// The exception for YARN_UNSUPPORTED.
class unsupported : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};
template <class... Values>
[[noreturn]] YARN_NOINLINE void fail_unsupported(const char* format, Values... values) {
  const message_value list[] = {message_value(values)..., message_value("")};
  char message[message_size];
  format_message(message, format, list);
  throw unsupported(message);
}

// Calls f. Returns the status of its exception; std::invalid_argument has the status `invalid`.
template <class F> yarn_status guarded(yarn_status invalid, const F& f) noexcept {
  try {
    f();
    return YARN_OK;
  } catch (const std::invalid_argument& error) {
    return failed(invalid, error.what());
  } catch (const std::out_of_range& error) {
    return failed(YARN_OUT_OF_RANGE, error.what());
  } catch (const unsupported& error) {
    return failed(YARN_UNSUPPORTED, error.what());
  } catch (const std::bad_alloc&) {
    return failed(YARN_OUT_OF_MEMORY, "yarn: out of memory");
  } catch (const std::length_error&) {
    return failed(YARN_OUT_OF_MEMORY, "yarn: a list is too long");
  } catch (const std::exception& error) {
    return failed(YARN_INTERNAL_ERROR, error.what());
  } catch (...) {
    return failed(YARN_INTERNAL_ERROR, "yarn: an unknown exception");
  }
}
template <class F> yarn_status guarded(const F& f) noexcept {
  return guarded(YARN_INVALID_ARGUMENT, f);
}

inline void require_not_null(const char* name, const void* pointer) {
  if (pointer == nullptr)
    fail_argument("yarn: {} is null", name);
}
inline void require_flag(const char* name, std::int32_t value) {
  if (value != 0 && value != 1)
    fail_argument("yarn: {} = {} must be 0 or 1", name, value);
}
inline void require_zero(const char* name, std::int64_t value) {
  if (value != 0)
    fail_argument("yarn: {} = {} must be 0", name, value);
}

// ---- Structs with a size -----------------------------------------------------------------------

template <class S> std::size_t size_of_struct(const S* given, const char* name, std::size_t least) {
  require_not_null(name, given);
  std::size_t size;
  std::memcpy(&size, given, sizeof size); // The rest of the struct may not exist.
  if (size < least)
    fail_argument("yarn: {}.struct_size = {} must be at least {}: set it to sizeof of the struct",
                  name, size, least);
  return size;
}

// The fields that the caller has, and the defaults of the others. `least` is the size of the fields
// without a default.
template <class S>
S read_struct(const S* given, const char* name, std::size_t least, const S& defaults = S{}) {
  const std::size_t size = size_of_struct(given, name, least);
  S result = defaults;
  std::memcpy(&result, given, std::min(size, sizeof(S)));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(S); i < size; ++i)
    if (bytes[i] != 0)
      fail_argument(
          "yarn: {}.struct_size = {}: this library knows {} bytes of the struct, and byte "
          "{} is not 0",
          name, size, sizeof(S), i);
  return result;
}

// Writes the fields that the caller has. Fields that this library does not know become 0.
template <class S> void write_struct(S* target, const char* name, S value) {
  const std::size_t size = size_of_struct(target, name, sizeof(std::size_t));
  value.struct_size = size;
  std::memset(static_cast<void*>(target), 0, size);
  std::memcpy(static_cast<void*>(target), &value, std::min(size, sizeof(S)));
}
// The same for a struct whose size the caller has not set yet.
template <class S> void init_struct(S* target, const char* name, std::size_t size, const S& value) {
  require_not_null(name, target);
  if (size < sizeof(std::size_t))
    fail_argument("yarn: {}.struct_size = {} must be at least {}: set it to sizeof of the struct",
                  name, size, sizeof(std::size_t));
  std::memcpy(static_cast<void*>(target), &size, sizeof size);
  write_struct(target, name, value);
}

// ---- The part ----------------------------------------------------------------------------------

// The part that yarn_use_instruction_set has chosen, or null.
inline std::atomic<const c_api::kernels*> chosen_part{nullptr};

inline const c_api::kernels& part_kernels() {
  const c_api::kernels* const chosen = chosen_part.load(std::memory_order_relaxed);
  return chosen != nullptr ? *chosen : dispatch<c_api::kernels>();
}

inline constexpr isa all_isas[] = {isa::baseline, isa::avx2, isa::avx512, isa::avx512_bf16};

inline void use_part(const char* name) {
  if (name == nullptr) {
    chosen_part.store(nullptr);
    return;
  }
  for (const isa set : all_isas)
    if (std::strcmp(name, name_of(set)) == 0) {
      chosen_part.store(&dispatch<c_api::kernels>(set));
      return;
    }
  fail_argument("yarn: there is no instruction set {}", name);
}
inline const char* name_of_part(const c_api::kernels& part) {
  for (const isa set : all_isas)
    if (dispatch_find<c_api::kernels>(set) == &part)
      return name_of(set);
  return "unknown";
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API const char* yarn_last_error() { return yarn::detail::last_message; }
YARN_C_API std::int32_t yarn_c_api_version() { return YARN_C_API_VERSION; }
YARN_C_API const char* yarn_instruction_set() {
  return yarn::detail::name_of_part(yarn::detail::part_kernels());
}
YARN_C_API yarn_status yarn_use_instruction_set(const char* name) {
  return yarn::detail::guarded([&] { yarn::detail::use_part(name); });
}

} // extern "C"

#endif
