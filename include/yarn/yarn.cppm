// SPDX-License-Identifier: MIT
// The C++20 module yarn: the names of yarn.hpp and of the opt-in headers below.
//
//     import yarn;
//
// The headers are in extern "C++", so an entity of the module is the entity of the header, with the
// same symbol: some sources of a program may import the module and others include the headers. The
// headers are not in the global module fragment, because g++ drops those functions of a fragment
// that only the templates of an importer call (by argument-dependent lookup).
//
// Not in the module: the adapters and hf_config.hpp, which need other libraries; testing.hpp; and
// dispatch.hpp, which needs its macros. Include them before the import. Macros are not exported
// either: include version.hpp for YARN_VERSION_MAJOR.
//
// Compile the module with the flags of the sources that import it. Compilers do not compare all
// flags. check_import.hpp compares the instruction set, the floating-point mode, exceptions, and
// the macros of the library that change its code.
module;

// g++ up to 16 reads the intrinsics wrongly from a compiled module: it loses the attribute of
// unaligned vectors (bug 127193 of GCC), so that programs crash, and rounds differently with
// AVX-512. If an importing source includes <immintrin.h> first, g++ uses this header instead.
#if defined(__GNUC__) && !defined(__clang__) && !defined(YARN_NO_XSIMD)
#if !defined(__SSE2__)
#error "yarn: with g++ on this processor, compile the module and its importers with -DYARN_NO_XSIMD"
#elif !defined(YARN_IMPORTERS_INCLUDE_IMMINTRIN)
#error "yarn: g++ needs -include immintrin.h for every source that imports the module (yarn::module \
of CMake adds it). Then define YARN_IMPORTERS_INCLUDE_IMMINTRIN, or define YARN_NO_XSIMD"
#endif
#endif

// All that the headers include from outside. tests/scripts/check_module compares the lists.
#include <algorithm>
#include <cfloat>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <math.h>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#if !defined(YARN_NO_XSIMD)
#include <xsimd/xsimd.hpp>
#endif

export module yarn;

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunknown-warning-option"
// The headers repeat the lines #include <...> above.
#pragma clang diagnostic ignored "-Winclude-angled-in-module-purview"
// The intrinsics of clang are static functions, and the headers call them in inline functions.
#pragma clang diagnostic ignored "-WTU-local-entity-exposure"
#endif

extern "C++" {
#include "ggml_blocks.hpp"
#include "gguf.hpp"
#include "kv_cache.hpp"
#include "norm.hpp"
#include "prompt_positions.hpp"
#include "scaled_elements.hpp"
#include "yarn.hpp"
}

export namespace yarn {

/// Whether the module was compiled for the inline namespace `abi`. For check_import.hpp.
/// Requires abi ends with a null character.
/// Errors   None.
consteval bool is_module_for(const char* abi) {
  const char* own = YARN_ABI_NAME;
  while (*own != '\0' && *own == *abi) {
    ++own;
    ++abi;
  }
  return *own == *abi;
}

// types.hpp, error.hpp
using yarn::bfloat16;
using yarn::element_format;
using yarn::error_handler;
using yarn::float16;
using yarn::float8_e4m3;
using yarn::float8_e5m2;
using yarn::format_of;
using yarn::format_of_v;
using yarn::on_error;
using yarn::optional_number;
using yarn::output_order;
using yarn::pairing;
using yarn::rope_shape;
using yarn::slice;
using yarn::thread_slice;

// views.hpp
using yarn::array_view;
using yarn::axis_positions;
using yarn::heads_view;
using yarn::positions;
using yarn::positions_from;
using yarn::rows_view;
using yarn::table_view;
using yarn::tensor_traits;
using yarn::trig_view;

// frequencies.hpp, axes.hpp
using yarn::adjoint;
using yarn::axis_sections;
using yarn::float32_pipeline;
using yarn::frequencies;
using yarn::frequencies_from;
using yarn::frequencies_of;
using yarn::interleaved_sections;
using yarn::inverse;
using yarn::joined;
using yarn::largest_n_axes;
using yarn::make_frequencies;
using yarn::rerotation;
using yarn::unscaled;
using yarn::with_axes;

// temperature.hpp, softmax_scale.hpp
using yarn::any_temperature;
using yarn::llama4_temperature;
using yarn::log_n_temperature;
using yarn::ministral_temperature;
using yarn::softmax_convention;
using yarn::softmax_scale;
using yarn::temperature_scope;

// rows.hpp, rope.hpp
using yarn::fill_rows;
using yarn::lazy_rows;
using yarn::make_table;
using yarn::rope_apply;
using yarn::rope_apply_unchecked;
using yarn::rope_check;
using yarn::rope_copy;
using yarn::rope_copy_check;
using yarn::rope_copy_unchecked;
using yarn::rotary_rows;
using yarn::rotary_table;
using yarn::rows_of;

// scaling.hpp and scaling/
using yarn::any_scaling;
using yarn::default_scaling;
using yarn::dynamic_ntk_scaling;
using yarn::dynamic_part_ntk_scaling;
using yarn::dynamic_yarn_scaling;
using yarn::factor_list;
using yarn::freq_factors_scaling;
using yarn::frequency_zone;
using yarn::is_dynamic_scaling_v;
using yarn::is_scaling_v;
using yarn::is_static_scaling_v;
using yarn::linear_scaling;
using yarn::llama3_scaling;
using yarn::longrope_scaling;
using yarn::ntk_by_parts_scaling;
using yarn::ntk_scaling;
using yarn::pair_range;
using yarn::part_ntk_scaling;
using yarn::proportional_scaling;
using yarn::require_at_least_zero;
using yarn::require_length;
using yarn::require_order;
using yarn::require_positive;
using yarn::require_sequence_length;
using yarn::spectrum;
using yarn::stepped_ntk_scaling;
using yarn::yarn_ramp;
using yarn::yarn_scaling;

// real.hpp
using yarn::ceil;
using yarn::exp;
using yarn::floor;
using yarn::log;
using yarn::max;
using yarn::min;
using yarn::operator*;
using yarn::operator+;
using yarn::operator-;
using yarn::operator/;
using yarn::operator<;
using yarn::operator<=;
using yarn::operator==;
using yarn::operator>;
using yarn::operator>=;
using yarn::real;
using yarn::sqrt;
namespace constant {
using yarn::constant::ln2;
using yarn::constant::pi;
} // namespace constant

// norm.hpp
using yarn::layer_norm;
using yarn::normed;
using yarn::rms_norm;
using yarn::rms_norm_without_weight;

// kv_cache.hpp, paged_view.hpp, scaled_elements.hpp, ggml_blocks.hpp
using yarn::cache_place;
using yarn::copy_heads;
using yarn::copy_heads_check;
using yarn::copy_heads_unchecked;
using yarn::iq4_nl;
using yarn::paged_view;
using yarn::q4_0;
using yarn::q4_1;
using yarn::q5_0;
using yarn::q5_1;
using yarn::q8_0;
using yarn::q8_0_writer;
using yarn::scaled;
using yarn::stored;

// prompt_positions.hpp
using yarn::erased_tokens;
using yarn::ernie4_5_vl_rules;
using yarn::glm4v_rules;
using yarn::prompt_positions;
using yarn::prompt_rules;
using yarn::qwen2_5_omni_rules;
using yarn::qwen2_5_vl_rules;
using yarn::qwen2_vl_rules;
using yarn::qwen3_vl_rules;
using yarn::video_end;
using yarn::video_time;

// gguf.hpp, gguf_types.hpp
using yarn::gguf_config;
using yarn::gguf_config_from;
using yarn::gguf_layer_ropes;
using yarn::gguf_layer_type;
using yarn::gguf_layers;
using yarn::gguf_options;
using yarn::gguf_pairing;

} // namespace yarn
