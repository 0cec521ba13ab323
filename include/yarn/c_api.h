// SPDX-License-Identifier: MIT
// The library for C, and for every language that calls C. C11 and C++; needs no other header of the
// library. Opt-in.
//
//     // Once per model. examples/c_api/rotate.c checks each yarn_status.
//     yarn_config* config = NULL;
//     yarn_frequencies* freqs = NULL;
//     yarn_config_from_json(text, strlen(text), NULL, &config);
//     yarn_config_frequencies(config, seq_len, &freqs);
//     // For each layer.
//     yarn_positions at = {.struct_size = sizeof at, .first = past_tokens, .n_tokens = -1};
//     yarn_row_source rows = {.struct_size = sizeof rows, .frequencies = freqs, .positions = &at};
//     yarn_tensor q, k;
//     yarn_tensor_init(&q, sizeof q, q_data, YARN_FLOAT32, n_tokens, n_q_heads, head_dim);
//     yarn_tensor_init(&k, sizeof k, k_data, YARN_FLOAT32, n_tokens, n_kv_heads, head_dim);
//     yarn_rope_apply(&q, &k, &rows, YARN_HALF_SPLIT);
//
// The functions are defined by one C++17 source with `#define YARN_C_API_IMPLEMENTATION` before
// `#include <yarn/c_api.h>`, or by the CMake function yarn_add_c_api, which adds run-time dispatch.
//
// Each function does what the C++ function of the same name does, with the same bits and the same
// messages. The C++ headers have the details; docs/c-api.md lists both names.
//
// * A function that can fail returns a yarn_status. After an error, yarn_last_error() has the
//   message, and no output was written, except that a failed yarn_rows_assign leaves no rows. No
//   C++ exception leaves a function.
// * A function that makes a handle writes it to its last argument, and the caller frees it. Freeing
//   NULL does nothing. Threads may share a handle if none of them changes or frees it.
// * Set struct_size to sizeof of the struct. Later versions append fields. Fields beyond
//   struct_size get their defaults. Fields that the library does not know must be 0. In a struct
//   without an _init function, all defaults are 0.
#ifndef YARN_C_API_H
#define YARN_C_API_H

#include <stddef.h>
#include <stdint.h>

/// The version of the functions and structs of this header.
#define YARN_C_API_VERSION 1

// Define YARN_C_API_SHARED where the functions come from a shared library, and in its sources.
// Without it, the functions have the visibility of the source that defines them.
#if !defined(YARN_C_API)
#if !defined(YARN_C_API_SHARED)
#define YARN_C_API
#elif !defined(_WIN32)
#define YARN_C_API __attribute__((visibility("default")))
#elif defined(YARN_C_API_IMPLEMENTATION)
#define YARN_C_API __declspec(dllexport)
#else
#define YARN_C_API __declspec(dllimport)
#endif
#endif

#if defined(__cplusplus)
extern "C" {
#endif

// ---- Enumerations ------------------------------------------------------------------------------
// They are int32_t, because the size of a C enum depends on the compiler.

typedef int32_t yarn_status;
enum {
  YARN_OK = 0,
  YARN_INVALID_ARGUMENT = 1,  ///< std::invalid_argument in C++
  YARN_OUT_OF_RANGE = 2,      ///< std::out_of_range in C++: a position or slot does not exist
  YARN_BAD_CONFIGURATION = 3, ///< a config.json or a GGUF file is wrong
  YARN_OUT_OF_MEMORY = 4,
  YARN_UNSUPPORTED = 5, ///< not in this build, or not in the C API
  YARN_INTERNAL_ERROR = 6
};

/// A pairing that is not known is -1.
typedef int32_t yarn_pairing;
enum { YARN_HALF_SPLIT = 0, YARN_INTERLEAVED = 1, YARN_UNKNOWN_PAIRING = -1 };

typedef int32_t yarn_element_type;
enum {
  YARN_FLOAT32 = 1,
  YARN_FLOAT64 = 2,
  YARN_FLOAT16 = 3,
  YARN_BFLOAT16 = 4,
  YARN_FLOAT8_E4M3 = 5,
  YARN_FLOAT8_E5M2 = 6
};

/// The kind of a list of integers. YARN_RUN: no list; the numbers are consecutive.
typedef int32_t yarn_integer_type;
enum { YARN_RUN = 0, YARN_INT32 = 1, YARN_INT64 = 2 };

typedef int32_t yarn_method_kind;
enum {
  YARN_METHOD_DEFAULT = 0,
  YARN_METHOD_LINEAR = 1,
  YARN_METHOD_NTK = 2,
  YARN_METHOD_DYNAMIC_NTK = 3,
  YARN_METHOD_STEPPED_NTK = 4,
  YARN_METHOD_NTK_BY_PARTS = 5,
  YARN_METHOD_PART_NTK = 6,
  YARN_METHOD_DYNAMIC_PART_NTK = 7,
  YARN_METHOD_YARN = 8,
  YARN_METHOD_DYNAMIC_YARN = 9,
  YARN_METHOD_LLAMA3 = 10,
  YARN_METHOD_LONGROPE = 11,
  YARN_METHOD_PROPORTIONAL = 12
};

typedef int32_t yarn_ramp_kind;
enum { YARN_RAMP_PAIR_INDEX = 0, YARN_RAMP_ROTATIONS = 1 };

/// What a method did to the frequency of a pair (frequency_zone).
enum {
  YARN_ZONE_UNKNOWN = 0,
  YARN_ZONE_EXTRAPOLATED = 1,
  YARN_ZONE_BLENDED = 2,
  YARN_ZONE_INTERPOLATED = 3,
  YARN_ZONE_UNROTATED = 4
};

typedef int32_t yarn_temperature_kind;
enum {
  YARN_TEMPERATURE_NONE = 0,
  YARN_TEMPERATURE_LLAMA4 = 1,
  YARN_TEMPERATURE_MINISTRAL = 2,
  YARN_TEMPERATURE_LOG_N = 3,
  YARN_TEMPERATURE_FUNCTION = 4
};

/// The layers whose q a temperature multiplies (temperature_scope).
typedef int32_t yarn_temperature_scope;
enum { YARN_SCOPE_NONE = 0, YARN_SCOPE_ALL = 1, YARN_SCOPE_UNROTATED = 2 };

/// A convention that is not known is -1.
typedef int32_t yarn_softmax_convention;
enum {
  YARN_SOFTMAX_INVERSE_SQRT = 0,
  YARN_SOFTMAX_MSCALE_ALL_DIM_SQUARED = 1,
  YARN_UNKNOWN_SOFTMAX = -1
};

typedef int32_t yarn_norm_kind;
enum { YARN_RMS_NORM = 0, YARN_LAYER_NORM = 1 };

// ---- Status ------------------------------------------------------------------------------------

/// The message of the last error on this thread; "" if there was none. The text stays until the
/// next error on this thread.
/// Errors   None.
YARN_C_API const char* yarn_last_error(void);

/// YARN_C_API_VERSION of the library that is linked.
/// Errors   None.
YARN_C_API int32_t yarn_c_api_version(void);

/// The version of the library, such as "0.2.0".
/// Errors   None.
YARN_C_API const char* yarn_library_version(void);

/// The instruction set of new handles, and of calls without frequencies: "baseline", "avx2",
/// "avx512" or "avx512_bf16". A call with frequencies uses the instruction set with which they were
/// made. The default is the largest that the library has and the processor supports.
/// Errors   None.
YARN_C_API const char* yarn_instruction_set(void);
/// Chooses the instruction set, for tests and measurements. NULL: the default.
/// Errors   YARN_INVALID_ARGUMENT: the library has no such instruction set, or this processor
///          cannot run it.
YARN_C_API yarn_status yarn_use_instruction_set(const char* name);

// ---- Frequencies (frequencies.hpp, scaling/, axes.hpp) -----------------------------------------

/// The frequencies of a model. Immutable.
typedef struct yarn_frequencies yarn_frequencies;

typedef struct yarn_shape {
  size_t struct_size;
  int64_t head_dim;   ///< elements of one head
  int64_t rotary_dim; ///< rotated elements; 0: head_dim
  double rope_theta;  ///< no default
} yarn_shape;

/// A scaling method. Each kind uses the fields of the C++ struct of its name; the others must have
/// their defaults. A number that may be absent is NaN if it is absent.
/// Units    Lengths in tokens.
typedef struct yarn_method {
  size_t struct_size;
  yarn_method_kind kind;
  yarn_ramp_kind ramp;                      ///< YaRN
  double factor;                            ///< may be absent: LongRoPE
  int64_t original_max_position_embeddings; ///< dynamic NTK: max_position_embeddings
  int64_t training_seqlen;                  ///< stepped NTK
  double beta_fast;
  double beta_slow;
  double attention_factor; ///< may be absent
  double attn_factor;
  double mscale;         ///< may be absent
  double mscale_all_dim; ///< may be absent
  double extrapolation_factor;
  double ntk_factor;
  double low_freq_factor;
  double high_freq_factor;
  double partial_rotary_factor;
  const double* short_factor; ///< LongRoPE: [n_short_factor]
  int64_t n_short_factor;
  const double* long_factor; ///< LongRoPE: [n_long_factor]
  int64_t n_long_factor;
  double short_mscale;        ///< may be absent
  double long_mscale;         ///< may be absent
  const double* freq_factors; ///< divisors of any method's frequencies; NULL: none
  int64_t n_freq_factors;
  int32_t truncate; ///< YaRN: 0 or 1
  int32_t reserved; ///< 0
} yarn_method;

/// Sets all fields to the defaults of the C++ struct.
/// Errors   YARN_INVALID_ARGUMENT: method is NULL, struct_size is too small, or the kind is
///          unknown.
YARN_C_API yarn_status yarn_method_init(yarn_method* method, size_t struct_size,
                                        yarn_method_kind kind);

/// make_frequencies(shape, method, seq_len). Static methods ignore seq_len.
/// Errors   Those of make_frequencies, and YARN_INVALID_ARGUMENT: the method has a field that its
///          kind does not use.
YARN_C_API yarn_status yarn_frequencies_make(const yarn_shape* shape, const yarn_method* method,
                                             int64_t seq_len, yarn_frequencies** result);

/// frequencies_from: numbers that were computed elsewhere. The values are copied.
/// Shape    inv_freq[n_pairs].
/// Types    YARN_FLOAT32 or YARN_FLOAT64.
/// Errors   Those of frequencies_from.
YARN_C_API yarn_status yarn_frequencies_from(const void* inv_freq, yarn_element_type type,
                                             int64_t n_pairs, double attention_factor,
                                             yarn_frequencies** result);

/// A copy of f. The next functions are inverse, adjoint, unscaled, float32_pipeline and rerotation.
/// Errors   YARN_INVALID_ARGUMENT: f or result is NULL.
YARN_C_API yarn_status yarn_frequencies_copy(const yarn_frequencies* f, yarn_frequencies** result);
/// Errors   Those of inverse.
YARN_C_API yarn_status yarn_inverse(const yarn_frequencies* f, yarn_frequencies** result);
/// Errors   Those of adjoint.
YARN_C_API yarn_status yarn_adjoint(const yarn_frequencies* f, yarn_frequencies** result);
/// Errors   Those of unscaled.
YARN_C_API yarn_status yarn_unscaled(const yarn_frequencies* f, yarn_frequencies** result);
/// Errors   Those of float32_pipeline.
YARN_C_API yarn_status yarn_float32_pipeline(const yarn_frequencies* f, yarn_frequencies** result);
/// Errors   Those of rerotation.
YARN_C_API yarn_status yarn_rerotation(const yarn_frequencies* from, const yarn_frequencies* to,
                                       yarn_frequencies** result);

/// with_axes(f, axis_sections{…}): contiguous sections, 2 to 4 of them.
/// Errors   Those of with_axes and axis_sections.
YARN_C_API yarn_status yarn_with_sections(const yarn_frequencies* f, const int64_t* sections,
                                          int64_t n_axes, yarn_frequencies** result);
/// with_axes(f, interleaved_sections{time, height, width}).
/// Errors   Those of with_axes and interleaved_sections.
YARN_C_API yarn_status yarn_with_interleaved_sections(const yarn_frequencies* f, int64_t time,
                                                      int64_t height, int64_t width,
                                                      yarn_frequencies** result);
/// with_axes(f, list, n_axes).
/// Shape    axis_of_pair[n_pairs].
/// Errors   Those of with_axes.
YARN_C_API yarn_status yarn_with_axes(const yarn_frequencies* f, const uint8_t* axis_of_pair,
                                      int64_t n_pairs, int64_t n_axes, yarn_frequencies** result);
/// joined(blocks[0], blocks[1], …).
/// Errors   Those of joined, and YARN_INVALID_ARGUMENT: n_blocks is not in [2, 8].
YARN_C_API yarn_status yarn_joined(const yarn_frequencies* const* blocks, int64_t n_blocks,
                                   yarn_frequencies** result);

/// The numbers of frequencies. The pointers stay valid as long as the handle.
typedef struct yarn_frequencies_info {
  size_t struct_size;
  int64_t n_pairs;
  const double* inv_freq;      ///< [n_pairs], rad/token
  const uint64_t* phase_steps; ///< [n_pairs], in units of 2^-64 turns
  const uint8_t* zones;        ///< [n_pairs], YARN_ZONE_…
  const uint8_t* axis_of_pair; ///< [n_pairs]
  int64_t n_axes;
  double attention_factor;
  double rope_theta;
  double correction_low; ///< if has_correction_range is 1
  double correction_high;
  int32_t has_correction_range;
  int32_t is_float32_pipeline;
} yarn_frequencies_info;

/// Errors   YARN_INVALID_ARGUMENT: f or info is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_frequencies_get(const yarn_frequencies* f, yarn_frequencies_info* info);
/// Errors   None.
YARN_C_API void yarn_frequencies_free(yarn_frequencies* f);

/// softmax_scale(qk_head_dim, method, convention, seq_len).
/// Errors   Those of softmax_scale.
YARN_C_API yarn_status yarn_softmax_scale(int64_t qk_head_dim, const yarn_method* method,
                                          yarn_softmax_convention convention, int64_t seq_len,
                                          double* result);

// ---- Temperatures (temperature.hpp) ------------------------------------------------------------

/// A factor on q that depends on the position. Each kind uses the fields of the C++ struct.
typedef struct yarn_temperature {
  size_t struct_size;
  yarn_temperature_kind kind;
  int32_t reserved;                        ///< 0
  double attn_scale;                       ///< Llama 4
  double floor_scale;                      ///< Llama 4
  double beta;                             ///< Ministral 3
  double original_max_position_embeddings; ///< Ministral 3
  double original_length;                  ///< log-n
  /// A function of your own. It must be pure; several threads may call it.
  double (*function)(void* user, int64_t position);
  /// The first position after this one at which `function` may differ; NULL: the next position.
  int64_t (*next_change)(void* user, int64_t position);
  void* user;
} yarn_temperature;

/// Sets all fields to the defaults of the C++ struct.
/// Errors   YARN_INVALID_ARGUMENT: t is NULL, struct_size is too small, or the kind is unknown.
YARN_C_API yarn_status yarn_temperature_init(yarn_temperature* t, size_t struct_size,
                                             yarn_temperature_kind kind);
/// The factor at a position, and the first position after it at which the factor may differ.
/// Types    Each of the last two arguments may be NULL.
/// Errors   Those of the temperature.
YARN_C_API yarn_status yarn_temperature_at(const yarn_temperature* t, int64_t position,
                                           double* factor, int64_t* next_change);

// ---- Positions and rows (views.hpp, rows.hpp) --------------------------------------------------

/// The positions of tokens. n_axes 0: `positions` of C++, one position for each token, on all axes
/// of the frequencies. n_axes >= 1: `axis_positions` of C++.
/// Shape    data[axis * axis_stride + token * token_stride].
typedef struct yarn_positions {
  size_t struct_size;
  const void* data;       ///< the list; NULL for a run
  yarn_integer_type type; ///< YARN_RUN: first, first + 1, …
  int32_t reserved;       ///< 0
  int64_t first;          ///< of a run
  int64_t n_tokens;       ///< -1: an open run, with as many positions as the tensor has tokens
  int64_t n_axes;
  int64_t axis_stride;  ///< in elements
  int64_t token_stride; ///< in elements; if n_axes is 0, 0 stands for 1
} yarn_positions;

/// A dense list. n_axes 0: data[n_tokens]; else data[n_axes][n_tokens].
/// Errors   YARN_INVALID_ARGUMENT: p is NULL, or struct_size is too small. The call that uses the
///          positions checks the rest.
YARN_C_API yarn_status yarn_positions_init(yarn_positions* p, size_t struct_size, const void* data,
                                           yarn_integer_type type, int64_t n_tokens,
                                           int64_t n_axes);

/// Rows, or a table, of cos and sin in memory: rows_view and table_view. Row r is
/// cos[r * row_stride + i] and sin[r * row_stride + i] for the pairs i, times the attention factor.
typedef struct yarn_cos_sin {
  size_t struct_size;
  const void* cos;
  const void* sin;
  yarn_element_type type;
  int32_t reserved; ///< 0
  int64_t n_rows;
  int64_t n_pairs;
  int64_t row_stride;          ///< in elements
  const uint8_t* axis_of_pair; ///< tables for several axes: [n_pairs]; else NULL
  int64_t n_axes;              ///< 0 if axis_of_pair is NULL
} yarn_cos_sin;

/// Owned rows: rotary_rows<float> or rotary_rows<double>.
typedef struct yarn_rows yarn_rows;

/// Types    YARN_FLOAT32 or YARN_FLOAT64.
/// Errors   YARN_INVALID_ARGUMENT: another type. YARN_OUT_OF_MEMORY.
YARN_C_API yarn_status yarn_rows_new(yarn_element_type type, yarn_rows** result);
/// Replaces all rows. temperature: NULL, or a factor by position.
/// Errors   Those of yarn_rows_append. After an error there are no rows.
YARN_C_API yarn_status yarn_rows_assign(yarn_rows* rows, const yarn_frequencies* f,
                                        const yarn_positions* positions,
                                        const yarn_temperature* temperature);
/// Appends rows.
/// Errors   Those of rotary_rows::append. YARN_UNSUPPORTED: there is a temperature, but the
///          positions have n_axes >= 1 or a token_stride other than 0 and 1. YARN_INVALID_ARGUMENT:
///          `rows` and f were made with different instruction sets. After an error the rows are
///          unchanged.
YARN_C_API yarn_status yarn_rows_append(yarn_rows* rows, const yarn_frequencies* f,
                                        const yarn_positions* positions,
                                        const yarn_temperature* temperature);
/// Errors   None.
YARN_C_API void yarn_rows_clear(yarn_rows* rows);
/// The memory of the rows, until the next change of `rows`. For a table (make_table), assign the
/// rows of the run from 0, and use `view` as the table. If the frequencies have several axes, set
/// view->axis_of_pair and view->n_axes to those of yarn_frequencies_info.
/// Errors   YARN_INVALID_ARGUMENT: rows or view is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_rows_get(const yarn_rows* rows, yarn_cos_sin* view);
/// Errors   None.
YARN_C_API void yarn_rows_free(yarn_rows* rows);

/// fill_rows: writes rows into the caller's memory. Thread `thread` of n_threads writes its slice;
/// pass 0 and 1 for all rows.
/// Types    YARN_FLOAT32 or YARN_FLOAT64.
/// Errors   Those of fill_rows, and YARN_UNSUPPORTED as in yarn_rows_append.
YARN_C_API yarn_status yarn_fill_rows(const yarn_frequencies* f, const yarn_positions* positions,
                                      const yarn_temperature* temperature, yarn_element_type type,
                                      void* cos, void* sin, int64_t row_stride, int64_t thread,
                                      int64_t n_threads);

/// The rows of a call. Exactly one of the first four pointers is set:
///     rows, prepared   prepared rows: row t belongs to token t
///     frequencies      rows_of(frequencies, positions[, temperature]): the call makes the rows
///     table            rows_of(table, positions)
typedef struct yarn_row_source {
  size_t struct_size;
  const yarn_rows* rows;
  const yarn_cos_sin* prepared;
  const yarn_frequencies* frequencies;
  const yarn_cos_sin* table;
  const yarn_positions* positions;     ///< with frequencies or table
  const yarn_temperature* temperature; ///< with frequencies, or NULL
} yarn_row_source;

// ---- Rotation (rope.hpp, norm.hpp, kv_cache.hpp) ------------------------------------------------

/// rms_norm or layer_norm of a tensor. The flags are 0 or 1.
/// Shape    weight[n_heads][head_dim] for LayerNorm, weight_of_each_head and over_all_heads; else
///          weight[head_dim].
typedef struct yarn_norm {
  size_t struct_size;
  yarn_norm_kind kind;
  yarn_element_type weight_type;
  const void* weight;
  double eps;
  int32_t without_weight;      ///< RMSNorm: rms_norm_without_weight(eps)
  int32_t weight_plus_one;     ///< RMSNorm: with_weight_plus_one()
  int32_t weight_of_each_head; ///< RMSNorm: with_weight_of_each_head()
  int32_t over_all_heads;      ///< RMSNorm: over_all_heads()
} yarn_norm;

/// The blocks of a paged cache, and the slot of each token: paged_view.
/// Units    Strides and chunks count elements; with a format, bytes.
typedef struct yarn_paging {
  size_t struct_size;
  int64_t n_blocks;
  int64_t block_size; ///< slots
  int64_t block_stride;
  int64_t slot_stride;
  const void* slots; ///< [n_tokens]; -1 skips the token
  yarn_integer_type slot_type;
  int32_t reserved;     ///< 0
  int64_t chunk;        ///< with_chunks; 0: heads are contiguous
  int64_t chunk_stride; ///< with_chunks
} yarn_paging;

typedef int32_t yarn_cache_kind;
enum {
  YARN_Q8_0 = 1,
  YARN_Q8_0_AVX = 2, ///< q8_0{q8_0_writer::avx}
  YARN_Q4_0 = 3,
  YARN_Q4_1 = 4,
  YARN_Q5_0 = 5,
  YARN_Q5_1 = 6,
  YARN_IQ4_NL = 7,
  YARN_SCALED_INT8 = 8,
  YARN_SCALED_FLOAT8_E4M3 = 9,
  YARN_SCALED_FLOAT8_E5M2 = 10,
  YARN_OWN_FORMAT = 11
};
typedef int32_t yarn_scale_source;
enum { YARN_SCALE_PER_TENSOR = 0, YARN_SCALE_GIVEN = 1, YARN_SCALE_COMPUTED = 2 };

/// How the heads of a cache are stored: ggml_blocks.hpp, scaled<T> of scaled_elements.hpp, or
/// functions of your own.
typedef struct yarn_cache_format {
  size_t struct_size;
  yarn_cache_kind kind;
  yarn_scale_source scale_source; ///< from here to block_stride: only for the scaled kinds
  float scale;                    ///< YARN_SCALE_PER_TENSOR
  int32_t reserved;               ///< 0
  float* scales;                  ///< GIVEN: read; COMPUTED: written by each write of a head
  int64_t row_stride;             ///< 0: a scale for each head, the same for all rows
  int64_t head_stride;
  int64_t block_size; ///< with_blocks; 0: none
  int64_t block_stride;
  /// YARN_OWN_FORMAT. Several threads may call the functions.
  int64_t (*head_bytes)(void* user, int64_t head_dim);
  void (*encode)(void* user, const float* values, int64_t head_dim, void* memory, int64_t row,
                 int64_t head);
  void (*decode)(void* user, const void* memory, int64_t head_dim, float* values, int64_t row,
                 int64_t head);
  void* user;
} yarn_cache_format;

/// A tensor of heads: heads_view. Element d of head h of token t lies at
/// data[t * token_stride + h * head_stride + d]. With paging or a format, it is a KV cache. A cache
/// has no norm.
/// Units    Strides count elements; with a format, bytes.
typedef struct yarn_tensor {
  size_t struct_size;
  void* data;             ///< a source is only read
  yarn_element_type type; ///< with a format: 0
  int32_t reserved;       ///< 0
  int64_t n_tokens;
  int64_t n_heads;
  int64_t head_dim;
  int64_t token_stride; ///< with paging: 0
  int64_t head_stride;
  const yarn_norm* norm;           ///< normed(x, norm); NULL: none
  const yarn_paging* paging;       ///< paged_view; NULL: none
  const yarn_cache_format* format; ///< stored(x, format, head_dim); NULL: elements of `type`
} yarn_tensor;

/// A dense tensor [n_tokens][n_heads][head_dim].
/// Errors   YARN_INVALID_ARGUMENT: x is NULL, or struct_size is too small. The call that uses the
///          tensor checks the rest.
YARN_C_API yarn_status yarn_tensor_init(yarn_tensor* x, size_t struct_size, void* data,
                                        yarn_element_type type, int64_t n_tokens, int64_t n_heads,
                                        int64_t head_dim);

/// Rotates q and k in place. k may be NULL.
/// Errors   Those of rope_check, and YARN_UNSUPPORTED: a tensor with a norm has head_dim above
///          1024, and its elements and weights are not all float32 (all float64, if a tensor of the
///          call is float64); a temperature as in yarn_rows_append.
YARN_C_API yarn_status yarn_rope_apply(const yarn_tensor* q, const yarn_tensor* k,
                                       const yarn_row_source* rows, yarn_pairing pairing);
/// Checks a call of yarn_rope_apply.
/// Errors   The same.
YARN_C_API yarn_status yarn_rope_check(const yarn_tensor* q, const yarn_tensor* k,
                                       const yarn_row_source* rows, yarn_pairing pairing);
/// Rotates slice `thread` of n_threads, without checks. Uses at most 96 KB of stack.
/// Requires A call that yarn_rope_check accepts; thread in [0, n_threads).
YARN_C_API void yarn_rope_apply_unchecked(const yarn_tensor* q, const yarn_tensor* k,
                                          const yarn_row_source* rows, yarn_pairing pairing,
                                          int64_t thread, int64_t n_threads);

/// Rotates `source` into `target`, and writes the pairs in the order `output_order`.
/// Errors   Those of rope_copy_check and of yarn_rope_apply, and YARN_UNSUPPORTED: a source with a
///          norm has head_dim above 1024, and target has another type or output_order is not
///          `pairing`.
YARN_C_API yarn_status yarn_rope_copy(const yarn_tensor* source, const yarn_tensor* target,
                                      const yarn_row_source* rows, yarn_pairing pairing,
                                      yarn_pairing output_order);
/// Checks a call of yarn_rope_copy.
/// Errors   The same.
YARN_C_API yarn_status yarn_rope_copy_check(const yarn_tensor* source, const yarn_tensor* target,
                                            const yarn_row_source* rows, yarn_pairing pairing,
                                            yarn_pairing output_order);
/// Rotates slice `thread` of n_threads, without checks.
/// Requires A call that yarn_rope_copy_check accepts; thread in [0, n_threads).
YARN_C_API void yarn_rope_copy_unchecked(const yarn_tensor* source, const yarn_tensor* target,
                                         const yarn_row_source* rows, yarn_pairing pairing,
                                         yarn_pairing output_order, int64_t thread,
                                         int64_t n_threads);

/// copy_heads: copies heads without rotation, for example values into a cache or out of it.
/// Errors   Those of copy_heads_check, and YARN_UNSUPPORTED as in yarn_rope_copy.
YARN_C_API yarn_status yarn_copy_heads(const yarn_tensor* source, const yarn_tensor* target);
/// Checks a call of yarn_copy_heads.
/// Errors   The same.
YARN_C_API yarn_status yarn_copy_heads_check(const yarn_tensor* source, const yarn_tensor* target);
/// Copies slice `thread` of n_threads, without checks.
/// Requires A call that yarn_copy_heads_check accepts; thread in [0, n_threads).
YARN_C_API void yarn_copy_heads_unchecked(const yarn_tensor* source, const yarn_tensor* target,
                                          int64_t thread, int64_t n_threads);

// ---- Configurations (hf_config.hpp, gguf.hpp) --------------------------------------------------

/// A list of texts. The caller frees the result of yarn_json_layer_types. A list in an _info struct
/// belongs to the handle.
typedef struct yarn_texts yarn_texts;
/// Errors   None. The size of NULL is 0.
YARN_C_API int64_t yarn_texts_size(const yarn_texts* texts);
/// Returns  NULL if there is no such text.
/// Errors   None.
YARN_C_API const char* yarn_texts_at(const yarn_texts* texts, int64_t i);
/// Frees the result of yarn_json_layer_types. Do not free other lists.
/// Errors   None.
YARN_C_API void yarn_texts_free(yarn_texts* texts);

/// The rope of a configuration: hf_config or gguf_config.
typedef struct yarn_config yarn_config;
/// The ropes of all layers: hf_layer_ropes or gguf_layer_ropes.
typedef struct yarn_layers yarn_layers;

/// hf_options.
typedef struct yarn_json_options {
  size_t struct_size;
  const char* layer_type;    ///< NULL: all layers have the same rope
  double default_rope_theta; ///< 0: a missing theta is an error
  int32_t vision_tower;      ///< 1: reads the vision tower
  int32_t reserved;          ///< 0
} yarn_json_options;

/// hf_config_from_text. options may be NULL.
/// Errors   YARN_BAD_CONFIGURATION: those of hf_config_from_text. YARN_UNSUPPORTED: built with
///          YARN_C_API_NO_JSON.
YARN_C_API yarn_status yarn_config_from_json(const char* text, size_t n_bytes,
                                             const yarn_json_options* options,
                                             yarn_config** result);
/// hf_layers.
/// Errors   YARN_BAD_CONFIGURATION: those of hf_layers. YARN_UNSUPPORTED as above.
YARN_C_API yarn_status yarn_layers_from_json(const char* text, size_t n_bytes,
                                             const yarn_json_options* options,
                                             yarn_layers** result);
/// hf_layer_types.
/// Errors   YARN_BAD_CONFIGURATION: those of hf_layer_types. YARN_UNSUPPORTED as above.
YARN_C_API yarn_status yarn_json_layer_types(const char* text, size_t n_bytes, yarn_texts** result);

/// The values of the keys of a GGUF file. The functions must not leave by longjmp or an exception.
typedef struct yarn_gguf_reader {
  size_t struct_size;
  void* user;
  /// An integer, float or bool. Returns 1 if the key exists and has such a value, else 0.
  int32_t (*number)(void* user, const char* key, double* value);
  /// An array of integers, floats or bools. Writes the first `capacity` values. Returns the number
  /// of values, or -1.
  int64_t (*numbers)(void* user, const char* key, double* values, int64_t capacity);
  /// A text, which stays valid until the next call of the reader, or NULL.
  const char* (*text)(void* user, const char* key);
  /// The name of key i, or NULL if there are at most i keys.
  const char* (*key)(void* user, int64_t i);
  /// The values of a tensor, as `numbers`.
  int64_t (*tensor)(void* user, const char* name, float* values, int64_t capacity);
} yarn_gguf_reader;

typedef int32_t yarn_gguf_layer_type;
enum { YARN_GGUF_GLOBAL = 0, YARN_GGUF_SLIDING_WINDOW = 1, YARN_GGUF_COMPRESSED = 2 };

/// gguf_options.
typedef struct yarn_gguf_options {
  size_t struct_size;
  yarn_gguf_layer_type layer_type;
  int32_t reserved;          ///< 0
  double default_rope_theta; ///< 0: a missing base is an error
} yarn_gguf_options;

/// gguf_config_from. options may be NULL.
/// Errors   YARN_BAD_CONFIGURATION: those of gguf_config_from.
YARN_C_API yarn_status yarn_config_from_gguf(const yarn_gguf_reader* reader,
                                             const yarn_gguf_options* options,
                                             yarn_config** result);
/// gguf_layers.
/// Errors   YARN_BAD_CONFIGURATION: those of gguf_layers.
YARN_C_API yarn_status yarn_layers_from_gguf(const yarn_gguf_reader* reader,
                                             const yarn_gguf_options* options,
                                             yarn_layers** result);
/// gguf_pairing(architecture, with_sections).
/// Returns  YARN_UNKNOWN_PAIRING for NULL and for architectures that are not known.
/// Errors   None.
YARN_C_API yarn_pairing yarn_gguf_pairing(const char* architecture, int32_t with_sections);

/// The fields of hf_config and gguf_config. The pointers stay valid as long as the handle. Fields
/// that this kind of file does not have are 0, NULL or unknown.
typedef struct yarn_config_info {
  size_t struct_size;
  const char* name;
  const char* rope_type;
  const char* architecture; ///< GGUF
  int64_t head_dim;
  int64_t rotary_dim;
  double rope_theta;
  int64_t max_position_embeddings;
  int64_t original_max_position_embeddings;
  yarn_pairing pairing;            ///< GGUF: gguf_pairing(config)
  yarn_softmax_convention softmax; ///< config.json
  int64_t qk_head_dim;             ///< GGUF
  int64_t rotary_offset;           ///< GGUF
  int64_t n_axes;
  const char* axis_names;      ///< config.json
  const uint8_t* axis_of_pair; ///< [n_axis_of_pair]
  int64_t n_axis_of_pair;
  const int64_t* frequency_of_pair; ///< config.json: [n_frequency_of_pair]
  int64_t n_frequency_of_pair;
  const int64_t* dimension_sections; ///< GGUF: [n_dimension_sections]
  int64_t n_dimension_sections;
  int64_t dual_chunk_size; ///< config.json
  int32_t derotates_output;
  yarn_temperature_scope temperature_layers;
  const yarn_temperature* temperature;
  const yarn_method* method;
  const yarn_texts* unused;
  const yarn_texts* notes;
} yarn_config_info;

/// Errors   YARN_INVALID_ARGUMENT: config or info is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_config_get(const yarn_config* config, yarn_config_info* info);
/// make_frequencies(config, seq_len).
/// Errors   Those of make_frequencies.
YARN_C_API yarn_status yarn_config_frequencies(const yarn_config* config, int64_t seq_len,
                                               yarn_frequencies** result);
/// Frees a configuration. Those of yarn_layers_get belong to the layers: do not free them.
/// Errors   None.
YARN_C_API void yarn_config_free(yarn_config* config);

/// The fields of hf_layer_ropes and gguf_layer_ropes.
typedef struct yarn_layers_info {
  size_t struct_size;
  const yarn_config* const* ropes; ///< [n_ropes]; they belong to the layers
  int64_t n_ropes;
  const int64_t* rope_of_layer; ///< [n_layers]: index in ropes; -1: the layer does not rotate
  int64_t n_layers;             ///< 0: the file does not say which layer has which rope
  const yarn_texts* notes;
} yarn_layers_info;

/// Errors   YARN_INVALID_ARGUMENT: layers or info is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_layers_get(const yarn_layers* layers, yarn_layers_info* info);
/// Errors   None.
YARN_C_API void yarn_layers_free(yarn_layers* layers);

// ---- Prompts with images (prompt_positions.hpp) ------------------------------------------------

typedef int32_t yarn_prompt_model;
enum {
  YARN_PROMPT_DEFAULT = 0, ///< prompt_rules{}
  YARN_PROMPT_QWEN2_VL = 1,
  YARN_PROMPT_QWEN2_5_VL = 2,
  YARN_PROMPT_QWEN2_5_OMNI = 3,
  YARN_PROMPT_QWEN3_VL = 4,
  YARN_PROMPT_GLM4V = 5,
  YARN_PROMPT_ERNIE4_5_VL = 6
};
enum {
  YARN_TIME_FRAMES = 0,
  YARN_TIME_SECONDS = 1,
  YARN_TIME_WHOLE_SECONDS = 2,
  YARN_TIME_IMAGES = 3
};
enum { YARN_VIDEO_END_LARGEST_POSITION = 0, YARN_VIDEO_END_HEIGHT_AND_WIDTH = 1 };

/// prompt_rules.
typedef struct yarn_prompt_rules {
  size_t struct_size;
  int32_t time; ///< YARN_TIME_…
  int32_t end;  ///< YARN_VIDEO_END_…
  double positions_per_second;
} yarn_prompt_rules;

/// The rules of a model.
/// Errors   YARN_INVALID_ARGUMENT: rules is NULL, struct_size is too small, or the model is
///          unknown.
YARN_C_API yarn_status yarn_prompt_rules_init(yarn_prompt_rules* rules, size_t struct_size,
                                              yarn_prompt_model model);

/// The positions of a prompt: prompt_positions. Three axes: time, height, width.
typedef struct yarn_prompt yarn_prompt;
/// Errors   Those of the constructor of prompt_positions.
YARN_C_API yarn_status yarn_prompt_new(const yarn_prompt_rules* rules, yarn_prompt** result);
/// Errors   Those of append_text.
YARN_C_API yarn_status yarn_prompt_append_text(yarn_prompt* prompt, int64_t n_tokens);
/// Errors   Those of append_image.
YARN_C_API yarn_status yarn_prompt_append_image(yarn_prompt* prompt, int64_t height, int64_t width);
/// Errors   Those of append_video.
YARN_C_API yarn_status yarn_prompt_append_video(yarn_prompt* prompt, int64_t n_frames,
                                                int64_t height, int64_t width,
                                                double seconds_per_frame);
/// Removes segments. Writes first, n_tokens and distance of erased_tokens to erased[3], which may
/// be NULL.
/// Errors   Those of erase.
YARN_C_API yarn_status yarn_prompt_erase(yarn_prompt* prompt, int64_t first, int64_t n_segments,
                                         int64_t* erased);
/// The positions of n tokens from `first` on. They are valid until the prompt changes or is freed,
/// or until the next yarn_prompt_view of this prompt.
/// Errors   Those of view.
YARN_C_API yarn_status yarn_prompt_view(yarn_prompt* prompt, int64_t first, int64_t n,
                                        yarn_positions* positions);

typedef struct yarn_prompt_info {
  size_t struct_size;
  int64_t n_tokens;
  int64_t n_segments;
  int64_t next; ///< the position of the first generated token, on all axes
} yarn_prompt_info;
/// Errors   YARN_INVALID_ARGUMENT: prompt or info is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_prompt_get(const yarn_prompt* prompt, yarn_prompt_info* info);
/// Errors   None.
YARN_C_API void yarn_prompt_free(yarn_prompt* prompt);

// ---- Tests of an engine (testing.hpp) ----------------------------------------------------------

/// The RoPE that an engine should compute: testing::expectation.
typedef struct yarn_expectation yarn_expectation;
/// The result of a check: testing::report.
typedef struct yarn_report yarn_report;

/// expectation(shape, method, pairing, seq_len).
/// Errors   Those of make_frequencies. YARN_UNSUPPORTED: built with YARN_C_API_NO_TESTING, as for
///          the functions below.
YARN_C_API yarn_status yarn_expectation_make(const yarn_shape* shape, const yarn_method* method,
                                             yarn_pairing pairing, int64_t seq_len,
                                             yarn_expectation** result);
/// expectation(shape, f, pairing), for frequencies that exist already.
/// Errors   Those of the C++ constructor.
YARN_C_API yarn_status yarn_expectation_from(const yarn_shape* shape, const yarn_frequencies* f,
                                             yarn_pairing pairing, yarn_expectation** result);
/// with_output_order(order).
/// Errors   YARN_INVALID_ARGUMENT: e is NULL, or the order is unknown.
YARN_C_API yarn_status yarn_expectation_set_output_order(yarn_expectation* e, yarn_pairing order);
/// with_rotary_offset(offset).
/// Errors   Those of with_rotary_offset.
YARN_C_API yarn_status yarn_expectation_set_rotary_offset(yarn_expectation* e, int64_t offset);
/// with_axes(list, n_axes).
/// Shape    axis_of_pair[n_pairs].
/// Errors   Those of with_axes.
YARN_C_API yarn_status yarn_expectation_set_axes(yarn_expectation* e, const uint8_t* axis_of_pair,
                                                 int64_t n_pairs, int64_t n_axes);
/// Errors   None.
YARN_C_API void yarn_expectation_free(yarn_expectation* e);

/// testing::options.
typedef struct yarn_check_options {
  size_t struct_size;
  double tolerance; ///< 0: the rounding errors of the type
  int64_t max_position;
  int64_t n_heads;
  int32_t accept_float32_angles;
  int32_t reserved; ///< 0
} yarn_check_options;

/// Sets all fields to the defaults of testing::options.
/// Errors   YARN_INVALID_ARGUMENT: o is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_check_options_init(yarn_check_options* o, size_t struct_size);

/// A function of the engine that rotates x in place, and one that writes the rotation of `source`
/// to `target`. The tensors are dense. The positions are a list of YARN_INT64. n_axes is 0 if the
/// expectation has one axis.
typedef void (*yarn_engine_rotation)(void* user, const yarn_tensor* x,
                                     const yarn_positions* positions);
typedef void (*yarn_engine_copy)(void* user, const yarn_tensor* source, const yarn_tensor* target,
                                 const yarn_positions* positions);

// The checks of testing.hpp. options may be NULL. A check that finds a mistake returns YARN_OK; the
// mistake is in the report.

/// Errors   Those of check_rows.
YARN_C_API yarn_status yarn_check_rows(const yarn_expectation* e, const yarn_cos_sin* rows,
                                       const yarn_positions* positions,
                                       const yarn_check_options* options, yarn_report** result);
/// Errors   Those of check_table.
YARN_C_API yarn_status yarn_check_table(const yarn_expectation* e, const yarn_cos_sin* table,
                                        const yarn_check_options* options, yarn_report** result);
/// attention_factor: NaN if the engine has none.
/// Errors   Those of check_inv_freq.
YARN_C_API yarn_status yarn_check_inv_freq(const yarn_expectation* e, const void* inv_freq,
                                           yarn_element_type type, int64_t n_pairs,
                                           double attention_factor,
                                           const yarn_check_options* options, yarn_report** result);
/// Errors   Those of check_rotation.
YARN_C_API yarn_status yarn_check_rotation(const yarn_expectation* e, yarn_element_type type,
                                           yarn_engine_rotation engine, void* user,
                                           const yarn_check_options* options, yarn_report** result);
/// Checks the rotations of q and of k.
/// Errors   Those of check_rotations.
YARN_C_API yarn_status yarn_check_rotations(const yarn_expectation* e, yarn_element_type type,
                                            yarn_engine_rotation of_q, yarn_engine_rotation of_k,
                                            void* user, const yarn_check_options* options,
                                            yarn_report** result);
/// Errors   Those of check_copy.
YARN_C_API yarn_status yarn_check_copy(const yarn_expectation* e, yarn_element_type from,
                                       yarn_element_type to, yarn_engine_copy engine, void* user,
                                       const yarn_check_options* options, yarn_report** result);
/// Errors   Those of check_rotated, and YARN_INVALID_ARGUMENT: a tensor has a norm or is a cache.
YARN_C_API yarn_status yarn_check_rotated(const yarn_expectation* e, const yarn_tensor* before,
                                          const yarn_tensor* after, const yarn_positions* positions,
                                          const yarn_check_options* options, yarn_report** result);

/// The numbers of a report. The pointers stay valid as long as the handle.
typedef struct yarn_report_info {
  size_t struct_size;
  const char* text; ///< the report as text of a few lines, for logs
  const char* subject;
  const char* unit;
  double max_error;
  double max_error_ulp;
  double tolerance;
  double remaining_error;
  int64_t worst_position; ///< of the largest error; -1: none, as for the next three
  int64_t worst_pair;
  int64_t worst_element;
  int64_t worst_axis;
  const char* worst_what;
  double worst_expected;
  double worst_actual;
  const yarn_texts* diagnoses; ///< the names of the mistakes, such as "wrong_theta"
  const yarn_texts* findings;  ///< a sentence for each of diagnoses
  const yarn_texts* notes;
  int32_t passed;
  int32_t reserved;
} yarn_report_info;

/// Errors   YARN_INVALID_ARGUMENT: report or info is NULL, or struct_size is too small.
YARN_C_API yarn_status yarn_report_get(const yarn_report* report, yarn_report_info* info);
/// Errors   None.
YARN_C_API void yarn_report_free(yarn_report* report);

#if defined(__cplusplus)
} // extern "C"
#endif

#endif

// Outside of the include guard, so that a source may include the header before it defines the
// macro.
#if defined(YARN_C_API_IMPLEMENTATION) && defined(__cplusplus)
#include "detail/c_api/implementation.hpp"
#endif
