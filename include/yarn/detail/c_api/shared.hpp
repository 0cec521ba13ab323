// SPDX-License-Identifier: MIT
// Code for the parts and for the functions of c_api.h: frequencies from numbers, temperatures and
// lists of positions.
#ifndef YARN_DETAIL_C_API_SHARED_HPP
#define YARN_DETAIL_C_API_SHARED_HPP

#include "../../rows.hpp"
#include "elements.hpp"
#include "kernels.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Makes the frequencies of a part from the numbers of a handle, and reads the list of zones, which
// has no accessor. frequencies_from alone would compute the phase steps from inv_freq, which is
// rounded: those of a rerotation would differ.
class frequencies_access {
public:
  static frequencies make(const c_api::frequencies_numbers& numbers) {
    frequencies f = frequencies_from(numbers.inv_freq, numbers.n_pairs, numbers.attention_factor);
    const auto n = static_cast<std::size_t>(numbers.n_pairs);
    std::memcpy(f.steps_.data(), numbers.phase_steps, n * sizeof *numbers.phase_steps);
    std::memcpy(f.axes_.data(), numbers.axis_of_pair, n);
    f.n_axes_ = numbers.n_axes;
    f.float32_ = numbers.is_float32_pipeline;
    return f;
  }
  static const std::uint8_t* zones(const frequencies& f) {
    static_assert(sizeof(frequency_zone) == 1, "zones are passed as bytes");
    return reinterpret_cast<const std::uint8_t*>(f.zones_.data()); // NOLINT: unsigned char
  }
};

// A temperature of the caller.
struct function_temperature {
  double (*function)(void* user, std::int64_t position);
  std::int64_t (*change)(void* user, std::int64_t position);
  void* user;

  double operator()(std::int64_t position) const { return function(user, position); }
  std::int64_t next_change(std::int64_t position) const {
    return change == nullptr ? position + 1 : change(user, position);
  }
};

// Calls use(temperature) with a temperature of the library, a function_temperature, or
// no_temperature.
template <class Use> void with_temperature(const yarn_temperature& t, const Use& use) {
  switch (t.kind) {
  case YARN_TEMPERATURE_FUNCTION:
    return use(function_temperature{t.function, t.next_change, t.user});
  case YARN_TEMPERATURE_LLAMA4:
    return use(any_temperature(llama4_temperature{t.attn_scale, t.floor_scale}));
  case YARN_TEMPERATURE_MINISTRAL:
    return use(any_temperature(ministral_temperature{t.beta, t.original_max_position_embeddings}));
  case YARN_TEMPERATURE_LOG_N:
    return use(any_temperature(log_n_temperature{t.original_length}));
  default:
    return use(no_temperature{});
  }
}

// Calls use(positions or axis_positions, temperature).
template <class Use>
void with_list(const c_api::position_list& at, const yarn_temperature& t, const Use& use) {
  if (at.has_axes)
    return use(at.axes, no_temperature{});
  with_temperature(t, [&](const auto& temperature) { use(at.list, temperature); });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
