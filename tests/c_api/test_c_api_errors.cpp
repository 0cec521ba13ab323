// SPDX-License-Identifier: MIT
// What the C API refuses: the status, the message, and that nothing is written. Sizes of structs,
// messages of several threads, and an operator new that fails.
#include "../support/c_api_rotation.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

extern "C" std::size_t c11_layout(std::size_t* values);

namespace {
std::atomic<int> allocations_until_failure{-1}; // < 0: none fails
// Volatile, because g++ warns of std::free where it inlines `delete` and not `new`.
void (*const volatile release)(void*) = std::free;
} // namespace
void* operator new(std::size_t size) {
  if (allocations_until_failure >= 0 && allocations_until_failure-- == 0)
    throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

using namespace support;

class c_api_errors : public c_api_test {
protected:
  c_api_errors() {
    x = tensor.c_view();
    source.frequencies = rows.c.get();
    source.positions = &run;
  }
  void expect_refused(yarn_status wanted, const char* message) const {
    const yarn_status status = yarn_rope_apply(&x, nullptr, &source, YARN_HALF_SPLIT);
    EXPECT_EQ(status, wanted) << message;
    EXPECT_STREQ(yarn_last_error(), message);
    EXPECT_EQ(std::memcmp(tensor.c.data(), tensor.cpp.data(), tensor.c.size() * sizeof(float)), 0);
  }

  const rotation_rows rows{64, 5};
  tensor_pair<float> tensor{5, 2, 64};
  yarn_positions run = c_run(0, -1);
  yarn_tensor x;
  yarn_row_source source = sized<yarn_row_source>();
};

// ---- Arguments ---------------------------------------------------------------------------------

TEST_F(c_api_errors, null_handles_and_structs_are_refused) {
  yarn_frequencies* f = nullptr;
  const auto refused = [](yarn_status status, const char* message) {
    EXPECT_EQ(status, YARN_INVALID_ARGUMENT) << message;
    EXPECT_STREQ(yarn_last_error(), message);
  };
  const auto shape = c_shape({64, 0, 1e4});
  const yarn_method method = c_method(yarn::default_scaling{});
  refused(yarn_frequencies_make(nullptr, &method, 0, &f), "yarn: yarn_shape is null");
  refused(yarn_frequencies_make(&shape, nullptr, 0, &f), "yarn: yarn_method is null");
  refused(yarn_frequencies_make(&shape, &method, 0, nullptr), "yarn: result is null");
  refused(yarn_inverse(nullptr, &f), "yarn: f is null");
  refused(yarn_rerotation(rows.c.get(), nullptr, &f), "yarn: to is null");
  refused(yarn_frequencies_from(nullptr, YARN_FLOAT64, 3, 1, &f), "yarn: inv_freq is null");
  refused(yarn_frequencies_get(nullptr, nullptr), "yarn: f is null");
  refused(yarn_frequencies_get(rows.c.get(), nullptr), "yarn: info is null");
  refused(yarn_with_sections(rows.c.get(), nullptr, 3, &f), "yarn: sections is null");
  refused(yarn_with_axes(rows.c.get(), nullptr, 3, 3, &f), "yarn: axis_of_pair is null");
  refused(yarn_joined(nullptr, 2, &f), "yarn: blocks is null");
  refused(yarn_rows_assign(nullptr, rows.c.get(), &run, nullptr), "yarn: rows is null");
  refused(yarn_rows_assign(rows.rows.get(), nullptr, &run, nullptr), "yarn: f is null");
  refused(yarn_rows_assign(rows.rows.get(), rows.c.get(), nullptr, nullptr),
          "yarn: yarn_positions is null");
  refused(yarn_rope_apply(nullptr, nullptr, &source, 0), "yarn: x is null");
  refused(yarn_rope_apply(nullptr, &x, &source, 0), "yarn: q is null");
  refused(yarn_rope_apply(&x, nullptr, nullptr, 0), "yarn: yarn_row_source is null");
  refused(yarn_rope_copy(&x, nullptr, &source, 0, 0), "yarn: target is null");
  refused(yarn_config_get(nullptr, nullptr), "yarn: config is null");
  refused(yarn_config_frequencies(nullptr, 0, &f), "yarn: config is null");
  refused(yarn_layers_get(nullptr, nullptr), "yarn: layers is null");
  refused(yarn_config_from_json(nullptr, 0, nullptr, nullptr), "yarn: text is null");
  refused(yarn_config_from_json("{}", 2, nullptr, nullptr), "yarn: result is null");
  refused(yarn_config_from_gguf(nullptr, nullptr, nullptr), "yarn: yarn_gguf_reader is null");
  refused(yarn_temperature_at(nullptr, 0, nullptr, nullptr), "yarn: yarn_temperature is null");
  EXPECT_EQ(f, nullptr);
  yarn_frequencies_free(nullptr);
  yarn_rows_free(nullptr);
  yarn_rows_clear(nullptr);
  yarn_config_free(nullptr);
  yarn_layers_free(nullptr);
  yarn_texts_free(nullptr);
  EXPECT_EQ(yarn_texts_size(nullptr), 0);
}

TEST_F(c_api_errors, unknown_enumerators_are_refused) {
  yarn_rows* none = nullptr;
  yarn_method method;
  double scale = -1;
  const yarn_method valid = c_method(yarn::default_scaling{});
  EXPECT_EQ(yarn_method_init(&method, sizeof method, 13), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: yarn_method.kind = 13 is unknown");
  EXPECT_EQ(yarn_method_init(&method, sizeof method, -1), YARN_INVALID_ARGUMENT);
  EXPECT_EQ(yarn_softmax_scale(64, &valid, 2, 0, &scale), YARN_INVALID_ARGUMENT);
  EXPECT_EQ(scale, -1);
  EXPECT_EQ(yarn_rows_new(YARN_BFLOAT16, &none), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(),
               "yarn: type = 4 of rows is neither YARN_FLOAT32 nor YARN_FLOAT64");
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(yarn_use_instruction_set("avx7"), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: there is no instruction set avx7");
  EXPECT_STREQ(yarn_instruction_set(), "baseline");
  EXPECT_EQ(yarn_rope_apply(&x, nullptr, &source, 2), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: pairing = 2 is neither half_split nor interleaved");
  EXPECT_EQ(yarn_rope_apply(&x, nullptr, &source, YARN_UNKNOWN_PAIRING), YARN_INVALID_ARGUMENT);
  x.type = 7;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: x.type = 7 is not a yarn_element_type");
  x.type = 0;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: x.type = 0 is not a yarn_element_type");
  x.type = YARN_FLOAT32;
  run.type = 3;
  run.n_tokens = 5;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: yarn_positions.type = 3 is neither YARN_INT32 nor YARN_INT64");
}

TEST_F(c_api_errors, the_fields_of_a_method_that_its_kind_does_not_use_are_refused) {
  yarn_method m = c_method(yarn::linear_scaling{2.0, {}});
  m.beta_fast = 32;
  yarn_frequencies* f = nullptr;
  const auto shape = c_shape({64, 0, 1e4});
  EXPECT_EQ(yarn_frequencies_make(&shape, &m, 0, &f), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(),
               "yarn: yarn_method.beta_fast = 32 is not used by this kind of method (kind = 1)");
  m = c_method(yarn::linear_scaling{2.0, {}});
  m.truncate = 1;
  EXPECT_EQ(yarn_frequencies_make(&shape, &m, 0, &f), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(),
               "yarn: yarn_method.truncate = 1 is not used by this kind of method (kind = 1)");
  EXPECT_EQ(f, nullptr);
}

TEST_F(c_api_errors, messages_are_those_of_cpp) {
  yarn_method m = c_method(yarn::linear_scaling{2.0, {}});
  m.factor = -1;
  yarn_frequencies* f = nullptr;
  const auto shape = c_shape({64, 0, 1e4});
  EXPECT_EQ(yarn_frequencies_make(&shape, &m, 0, &f), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: linear_scaling.factor = -1 must be finite and > 0");
  const char text[] = "{\"rope_theta\": ";
  yarn_config* config = nullptr;
  EXPECT_EQ(yarn_config_from_json(text, sizeof text - 1, nullptr, &config), YARN_BAD_CONFIGURATION);
  EXPECT_EQ(std::string(yarn_last_error()).find("yarn: the configuration is not JSON: "), 0U);
  EXPECT_EQ(config, nullptr);

  run.first = std::int64_t{1} << 40;
  expect_refused(YARN_OUT_OF_RANGE,
                 "yarn: position 1099511627776 of token 0 must be in [-2^31, 2^31]");
  run.first = 0;
  run.n_tokens = 4;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: positions.size = 4 must be n_tokens = 5");
  run.n_tokens = -1;
  x.head_stride = 63;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: x.token_stride = 139, head_stride = 63: heads of head_dim = 64 overlap");
  x = tensor.c_view();
  x.data = nullptr;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: x.data is null");
  x = tensor.c_view();
  x.head_dim = 62;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: x.head_dim = 62 must be at least rotary_dim = 64 (2 * n_pairs)");
}

TEST_F(c_api_errors, q_and_k_may_share_a_buffer_but_no_elements) {
  // [q|k] of each token in one buffer. Then k begins within q.
  std::vector<float> packed(5 * 256, 1.0F);
  yarn_tensor q, k;
  ASSERT_EQ(yarn_tensor_init(&q, sizeof q, packed.data(), YARN_FLOAT32, 5, 2, 64), YARN_OK);
  ASSERT_EQ(yarn_tensor_init(&k, sizeof k, packed.data() + 128, YARN_FLOAT32, 5, 2, 64), YARN_OK);
  q.token_stride = k.token_stride = 256;
  EXPECT_EQ(yarn_rope_check(&q, &k, &source, YARN_HALF_SPLIT), YARN_OK) << yarn_last_error();
  for (const std::int64_t offset : {127, 100, 64, 1, 0}) {
    const auto view = [&](float* data) {
      return yarn::heads_view<float>(data, 5, 2, 64).with_strides(256, 64);
    };
    std::string message;
    try {
      rope_check(view(packed.data()), view(packed.data() + offset),
                 rows_of(rows.cpp, yarn::positions_from(0)), yarn::pairing::half_split);
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    EXPECT_EQ(message, "yarn: q and k overlap: elements of both would be rotated twice") << offset;
    k.data = packed.data() + offset;
    EXPECT_EQ(yarn_rope_check(&q, &k, &source, YARN_HALF_SPLIT), YARN_INVALID_ARGUMENT) << offset;
    EXPECT_EQ(yarn_last_error(), message) << offset;
  }
  // A copy within one view keeps the order of the pairs, or is refused.
  EXPECT_EQ(yarn_rope_copy_check(&q, &q, &source, YARN_HALF_SPLIT, YARN_HALF_SPLIT), YARN_OK);
  EXPECT_EQ(yarn_rope_copy_check(&q, &q, &source, YARN_HALF_SPLIT, YARN_INTERLEAVED),
            YARN_INVALID_ARGUMENT);
  q.n_tokens = q.n_heads = 1; // strides that are not used may differ
  yarn_tensor other = q;
  other.token_stride = 1;
  EXPECT_EQ(yarn_rope_copy_check(&q, &other, &source, YARN_HALF_SPLIT, YARN_HALF_SPLIT), YARN_OK);
  other.type = YARN_FLOAT16;
  EXPECT_EQ(yarn_rope_copy_check(&q, &other, &source, YARN_HALF_SPLIT, YARN_HALF_SPLIT),
            YARN_INVALID_ARGUMENT);
}

TEST_F(c_api_errors, a_row_source_has_one_source) {
  source.rows = rows.rows.get();
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: yarn_row_source has 2 sources; exactly one of rows, "
                                        "prepared, frequencies and table must be set");
  source.frequencies = nullptr;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: yarn_row_source.positions must be null for prepared rows");
  source.positions = nullptr;
  source.rows = nullptr;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: yarn_row_source has 0 sources; exactly one of rows, "
                                        "prepared, frequencies and table must be set");
  auto table = sized<yarn_cos_sin>();
  ASSERT_EQ(yarn_rows_get(rows.rows.get(), &table), YARN_OK);
  source.table = &table;
  source.positions = &run;
  run.first = 3;
  expect_refused(YARN_OUT_OF_RANGE, "yarn: positions 3 to 3 + 4 leave the table's rows [0, 5)");
  yarn_temperature t;
  ASSERT_EQ(yarn_temperature_init(&t, sizeof t, YARN_TEMPERATURE_LLAMA4), YARN_OK);
  source.temperature = &t;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: yarn_row_source.temperature must be null unless frequencies are set");
}

TEST_F(c_api_errors, norms_are_checked) {
  const std::vector<float> weight(64, 1.0F);
  auto norm = sized<yarn_norm>();
  norm.weight = weight.data();
  norm.weight_type = YARN_FLOAT32;
  norm.eps = -1;
  x.norm = &norm;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: the norm of x has eps = -1; eps must be in [0, 2^127]");
  norm.eps = 1e-5;
  norm.weight = nullptr;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: the weight of the norm of x is null");
  norm.weight = weight.data();
  norm.without_weight = 1;
  expect_refused(YARN_INVALID_ARGUMENT,
                 "yarn: a norm without weight has a weight, or a flag about it");
  norm.without_weight = 0;
  norm.kind = YARN_LAYER_NORM;
  norm.over_all_heads = 1;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: the flags of yarn_norm are for RMSNorm");
  norm.kind = YARN_RMS_NORM;
  norm.over_all_heads = 2;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: yarn_norm.over_all_heads = 2 must be 0 or 1");
  norm.over_all_heads = 0;
  tensor_pair<float> other(5, 2, 64);
  yarn_tensor target = other.c_view();
  target.norm = &norm;
  x.norm = nullptr;
  EXPECT_EQ(yarn_rope_copy(&x, &target, &source, 0, 0), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: target.norm must be null: a copy normalises its source");
}

TEST_F(c_api_errors, after_a_failed_assign_there_are_no_rows) {
  auto view = sized<yarn_cos_sin>();
  run.first = std::int64_t{1} << 40;
  run.n_tokens = 2;
  EXPECT_EQ(yarn_rows_append(rows.rows.get(), rows.c.get(), &run, nullptr), YARN_OUT_OF_RANGE);
  ASSERT_EQ(yarn_rows_get(rows.rows.get(), &view), YARN_OK);
  EXPECT_EQ(view.n_rows, 5);
  EXPECT_EQ(yarn_rows_assign(rows.rows.get(), rows.c.get(), &run, nullptr), YARN_OUT_OF_RANGE);
  ASSERT_EQ(yarn_rows_get(rows.rows.get(), &view), YARN_OK);
  EXPECT_EQ(view.n_rows, 0);
}

// ---- Sizes of structs --------------------------------------------------------------------------

TEST(c_api_structs, have_the_same_layout_in_c_and_cpp) {
  std::size_t in_c[64], values[64], n = 0;
  const std::size_t n_in_c = c11_layout(in_c);
#define LAYOUT(type, last)                                                                         \
  values[n++] = sizeof(type);                                                                      \
  values[n++] = offsetof(type, last)
#include "layouts.inc"
  ASSERT_EQ(n_in_c, n);
  for (std::size_t i = 0; i < n; ++i)
    EXPECT_EQ(in_c[i], values[i]) << i;
}

TEST_F(c_api_errors, a_smaller_struct_of_an_earlier_version_gets_defaults) {
  // The memory beyond the smaller struct must not be read.
  x.norm = reinterpret_cast<const yarn_norm*>(std::uintptr_t{1});
  x.struct_size = offsetof(yarn_tensor, norm);
  const yarn_positions list = c_run(1000, -1);
  source.positions = &list;
  source.temperature = reinterpret_cast<const yarn_temperature*>(std::uintptr_t{1});
  source.struct_size = offsetof(yarn_row_source, temperature);
  ASSERT_EQ(yarn_rope_apply(&x, nullptr, &source, YARN_HALF_SPLIT), YARN_OK) << yarn_last_error();
  rope_apply(tensor.view(), rows.cpp_rows, yarn::pairing::half_split);
  tensor.expect_same("smaller structs");

  yarn_method m = c_method(yarn::yarn_scaling{});
  m.factor = 4;
  m.original_max_position_embeddings = 2048;
  m.struct_size = offsetof(yarn_method, beta_fast);
  m.beta_fast = 3; // not read
  yarn::yarn_scaling cpp;
  cpp.factor = 4;
  cpp.original_max_position_embeddings = 2048;
  const auto shape = c_shape({64, 0, 1e4});
  expect_same(made<c_frequencies>(yarn_frequencies_make, &shape, &m, std::int64_t{0}).get(),
              yarn::make_frequencies({64, 0, 1e4}, cpp), "defaults");

  auto info = sized<yarn_frequencies_info>();
  info.struct_size = offsetof(yarn_frequencies_info, phase_steps);
  info.phase_steps = reinterpret_cast<const std::uint64_t*>(std::uintptr_t{1});
  ASSERT_EQ(yarn_frequencies_get(rows.c.get(), &info), YARN_OK);
  EXPECT_EQ(info.n_pairs, 32);
  EXPECT_EQ(info.phase_steps, reinterpret_cast<const std::uint64_t*>(std::uintptr_t{1}));
}

TEST_F(c_api_errors, too_small_structs_are_refused) {
  x.struct_size = offsetof(yarn_tensor, head_stride);
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: x.struct_size = 56 must be at least 64: set it to "
                                        "sizeof of the struct");
  x = tensor.c_view();
  run.struct_size = 0;
  expect_refused(YARN_INVALID_ARGUMENT, "yarn: yarn_positions.struct_size = 0 must be at least 40: "
                                        "set it to sizeof of the struct");
  yarn_method m;
  EXPECT_EQ(yarn_method_init(&m, 7, YARN_METHOD_YARN), YARN_INVALID_ARGUMENT);
}

TEST_F(c_api_errors, larger_structs_of_a_later_version_are_refused_unless_the_rest_is_0) {
  struct {
    yarn_tensor known;
    unsigned char more[24];
  } later;
  later.known = x;
  later.known.struct_size = sizeof later;
  std::memset(later.more, 0, sizeof later.more);
  EXPECT_EQ(yarn_rope_check(&later.known, nullptr, &source, YARN_HALF_SPLIT), YARN_OK)
      << yarn_last_error();
  later.more[23] = 1;
  EXPECT_EQ(yarn_rope_check(&later.known, nullptr, &source, YARN_HALF_SPLIT),
            YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(), "yarn: x.struct_size = 112: this library knows 88 bytes of the "
                                  "struct, and byte 111 is not 0");
  struct {
    yarn_frequencies_info known;
    unsigned char more[8];
  } info;
  std::memset(&info, 0xff, sizeof info);
  info.known.struct_size = sizeof info;
  ASSERT_EQ(yarn_frequencies_get(rows.c.get(), &info.known), YARN_OK);
  EXPECT_EQ(info.more[0] | info.more[7], 0);
  EXPECT_EQ(info.known.struct_size, sizeof info);
}

// ---- Threads and memory ------------------------------------------------------------------------

TEST_F(c_api_errors, each_thread_has_a_message_of_its_own) {
  EXPECT_EQ(yarn_inverse(nullptr, nullptr), YARN_INVALID_ARGUMENT);
  const std::string here = yarn_last_error();
  std::string before, there;
  std::thread other([&] {
    before = yarn_last_error();
    yarn_use_instruction_set("avx7");
    there = yarn_last_error();
  });
  other.join();
  EXPECT_EQ(before, "");
  EXPECT_EQ(there, "yarn: there is no instruction set avx7");
  EXPECT_EQ(yarn_last_error(), here);
  EXPECT_EQ(yarn_rope_check(&x, nullptr, &source, YARN_HALF_SPLIT), YARN_OK);
  EXPECT_EQ(yarn_last_error(), here); // a call that succeeds keeps the message
}

// Repeats the call: allocation n of repetition n fails, until a repetition needs at most n
// allocations and succeeds. Returns this n.
template <class Call> int fails_with_each_allocation(const Call& call) {
  for (int n = 0; n < 10000; ++n) {
    allocations_until_failure = n;
    const yarn_status status = call();
    allocations_until_failure = -1;
    if (status == YARN_OK)
      return n;
    EXPECT_EQ(status, YARN_OUT_OF_MEMORY) << yarn_last_error();
    EXPECT_STREQ(yarn_last_error(), "yarn: out of memory");
  }
  return -1;
}

TEST_F(c_api_errors, a_failing_operator_new_becomes_a_status) {
  const auto shape = c_shape({64, 0, 1e4});
  const yarn_method m = c_method(yarn::default_scaling{});
  yarn_frequencies* f = nullptr;
  EXPECT_GE(fails_with_each_allocation([&] { return yarn_frequencies_make(&shape, &m, 0, &f); }),
            2);
  yarn_frequencies_free(f);
  f = nullptr;
  EXPECT_GE(fails_with_each_allocation([&] { return yarn_inverse(rows.c.get(), &f); }), 2);
  yarn_frequencies_free(f);
  yarn_rows* made_rows = nullptr;
  EXPECT_GE(fails_with_each_allocation([&] { return yarn_rows_new(YARN_FLOAT64, &made_rows); }), 2);
  yarn_rows_free(made_rows);
  // Not a config.json: destructors of nlohmann-json allocate, and end the program if they cannot.
  auto reader = sized<yarn_gguf_reader>();
  reader.number = [](void*, const char* key, double* value) -> std::int32_t {
    *value = std::strcmp(key, "llama.rope.freq_base") == 0 ? 10000 : 64;
    return std::strcmp(key, "llama.rope.freq_base") == 0 ||
           std::strcmp(key, "llama.attention.key_length") == 0;
  };
  reader.numbers = [](void*, const char*, double*, std::int64_t) { return std::int64_t{-1}; };
  reader.tensor = [](void*, const char*, float*, std::int64_t) { return std::int64_t{-1}; };
  reader.text = [](void*, const char* key) -> const char* {
    return std::strcmp(key, "general.architecture") == 0 ? "llama" : nullptr;
  };
  reader.key = [](void*, std::int64_t i) -> const char* {
    constexpr const char* keys[] = {"general.architecture", "llama.rope.freq_base",
                                    "llama.attention.key_length"};
    return i < 3 ? keys[i] : nullptr;
  };
  yarn_config* config = nullptr;
  EXPECT_GE(
      fails_with_each_allocation([&] { return yarn_config_from_gguf(&reader, nullptr, &config); }),
      10);
  yarn_config_free(config);
  // A rotation allocates nothing.
  EXPECT_EQ(fails_with_each_allocation(
                [&] { return yarn_rope_apply(&x, nullptr, &source, YARN_HALF_SPLIT); }),
            0);
}

} // namespace
