// SPDX-License-Identifier: MIT
// Writes GGUF files with ggml and reads them with the reader of yarn/ggml.hpp. The result must
// equal that of the same metadata in memory (support/gguf_models.hpp), for all types that a file
// may store.
#include "ggml_cpu_backend.hpp"
#include "support/expect_error.hpp"
#include "support/gguf_models.hpp"

#include <gguf.h>
#include <gtest/gtest.h>
#include <yarn/ggml.hpp>
#include <yarn/gguf.hpp>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct file_freer {
  void operator()(gguf_context* c) const { gguf_free(c); }
};
using file_ptr = std::unique_ptr<gguf_context, file_freer>;

/// A file name that no other test uses. The destructor removes the file.
class temporary_file {
public:
  temporary_file()
      : path_(std::filesystem::temp_directory_path() /
              ("yarn_" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) +
               std::to_string(reinterpret_cast<std::uintptr_t>(this)) + ".gguf")) {}
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

/// An open GGUF file, with its tensors.
struct opened {
  explicit opened(const std::string& path, bool no_alloc = false) {
    ggml_context* made = nullptr;
    file.reset(gguf_init_from_file(path.c_str(), {no_alloc, &made}));
    tensors.reset(made);
    if (file == nullptr)
      throw std::runtime_error("ggml cannot read " + path);
  }
  yarn::ggml_gguf_reader reader() const {
    return yarn::ggml_gguf_reader(file.get(), tensors.get());
  }

  file_ptr file;
  engines::context_ptr tensors;
};

/// Writes the types that converters write: f32 for numbers that are not whole and for the keys
/// rope.f… and rope.scaling.f… (freq_base, factor), u32 for all other numbers.
void write(const support::memory_gguf& model, const std::string& path, ggml_type tensor_type) {
  const file_ptr file(gguf_init_empty());
  for (const auto& [key, value] : model.texts)
    gguf_set_val_str(file.get(), key.c_str(), value.c_str());
  for (const auto& [key, value] : model.values) {
    if (value == static_cast<double>(static_cast<std::uint32_t>(value)) &&
        key.find("rope.f") == std::string::npos && key.find("rope.scaling.f") == std::string::npos)
      gguf_set_val_u32(file.get(), key.c_str(), static_cast<std::uint32_t>(value));
    else
      gguf_set_val_f32(file.get(), key.c_str(), static_cast<float>(value));
  }
  const engines::context_ptr context = engines::make_context(1 << 20);
  for (const auto& [name, values] : model.tensors) {
    const auto n = static_cast<std::int64_t>(values.size());
    ggml_tensor* const x = ggml_new_tensor_1d(context.get(), tensor_type, n);
    ggml_set_name(x, name.c_str());
    if (tensor_type == GGML_TYPE_F16)
      ggml_fp32_to_fp16_row(values.data(), static_cast<ggml_fp16_t*>(x->data), n);
    else
      std::memcpy(x->data, values.data(), ggml_nbytes(x));
    gguf_add_tensor(file.get(), x);
  }
  if (!gguf_write_to_file(file.get(), path.c_str(), false))
    throw std::runtime_error("ggml cannot write " + path);
}

void expect_same(const yarn::gguf_config& found, const yarn::gguf_config& expected,
                 std::int64_t seq_len) {
  EXPECT_EQ(found.architecture, expected.architecture);
  EXPECT_EQ(found.rope_type, expected.rope_type);
  EXPECT_EQ(found.shape.head_dim, expected.shape.head_dim);
  EXPECT_EQ(found.shape.rotary_dim, expected.shape.rotary_dim);
  EXPECT_EQ(found.shape.rope_theta, expected.shape.rope_theta);
  EXPECT_EQ(found.max_position_embeddings, expected.max_position_embeddings);
  EXPECT_EQ(found.original_max_position_embeddings, expected.original_max_position_embeddings);
  EXPECT_EQ(found.qk_head_dim, expected.qk_head_dim);
  EXPECT_EQ(found.rotary_offset, expected.rotary_offset);
  EXPECT_EQ(found.dimension_sections, expected.dimension_sections);
  EXPECT_EQ(found.axis_of_pair, expected.axis_of_pair);
  EXPECT_EQ(found.unused, expected.unused);
  EXPECT_EQ(found.notes, expected.notes);
  const auto f = yarn::make_frequencies(found, seq_len);
  const auto g = yarn::make_frequencies(expected, seq_len);
  ASSERT_EQ(f.n_pairs(), g.n_pairs());
  for (std::int64_t i = 0; i < f.n_pairs(); ++i)
    EXPECT_EQ(f.inv_freq()[i], g.inv_freq()[i]) << "pair " << i;
  EXPECT_EQ(f.attention_factor(), g.attention_factor());
}

TEST(gguf_file, has_the_numbers_of_the_metadata_that_was_written) {
  const std::vector<float> shorter(48, 1.25F), longer(48, 9.5F);
  const support::memory_gguf models[] = {
      support::gguf_llama3(128, 8), support::gguf_qwen2_yarn(),
      support::gguf_deepseek(1.0),  support::gguf_deepseek(0.707),
      support::gguf_ministral3(),   support::gguf_phi3(shorter, longer),
      support::gguf_gemma3(),       support::gguf_gpt_oss(),
      support::gguf_olmo3(),        support::gguf_gemma4()};
  for (const support::memory_gguf& model : models) {
    SCOPED_TRACE(model.architecture);
    const temporary_file file;
    write(model, file.path(), GGML_TYPE_F32);
    const opened read(file.path());
    for (const std::int64_t seq_len : {0, 4096, 4097, 200000})
      expect_same(yarn::gguf_config_from(read.reader()), yarn::gguf_config_from(model), seq_len);
    yarn::gguf_options local;
    local.layer_type = yarn::gguf_layer_type::sliding_window;
    if (model.number(model.key("attention.sliding_window")))
      expect_same(yarn::gguf_config_from(read.reader(), local),
                  yarn::gguf_config_from(model, local), 0);
  }
}

TEST(gguf_file, may_hold_factors_of_16_bits) {
  auto model = support::gguf_llama3(128, 8);
  const temporary_file file;
  write(model, file.path(), GGML_TYPE_F16);
  for (float& divisor : model.tensors["rope_freqs.weight"])
    divisor = ggml_fp16_to_fp32(ggml_fp32_to_fp16(divisor));
  const opened read(file.path());
  expect_same(yarn::gguf_config_from(read.reader()), yarn::gguf_config_from(model), 0);
}

TEST(gguf_file, may_store_numbers_in_any_type) {
  const temporary_file file;
  const file_ptr written(gguf_init_empty());
  gguf_context* const w = written.get();
  gguf_set_val_u8(w, "a.u8", 200);
  gguf_set_val_i8(w, "a.i8", -100);
  gguf_set_val_u16(w, "a.u16", 60000);
  gguf_set_val_i16(w, "a.i16", -30000);
  gguf_set_val_u32(w, "a.u32", 4000000000U);
  gguf_set_val_i32(w, "a.i32", -2000000000);
  gguf_set_val_u64(w, "a.u64", std::uint64_t{1} << 52);
  gguf_set_val_i64(w, "a.i64", -(std::int64_t{1} << 52));
  gguf_set_val_f32(w, "a.f32", 0.1F);
  gguf_set_val_f64(w, "a.f64", 0.1);
  gguf_set_val_bool(w, "a.yes", true);
  gguf_set_val_bool(w, "a.no", false);
  gguf_set_val_str(w, "a.text", "10");
  const std::int32_t sections[] = {16, 24, -1};
  gguf_set_arr_data(w, "a.list", GGUF_TYPE_INT32, sections, 3);
  const double halves[] = {0.5, 1.5};
  gguf_set_arr_data(w, "a.halves", GGUF_TYPE_FLOAT64, halves, 2);
  const char* words[] = {"x", "y"};
  gguf_set_arr_str(w, "a.words", words, 2);
  ASSERT_TRUE(gguf_write_to_file(w, file.path().c_str(), false));

  const opened read(file.path());
  const auto reader = read.reader();
  EXPECT_EQ(reader.number("a.u8"), 200.0);
  EXPECT_EQ(reader.number("a.i8"), -100.0);
  EXPECT_EQ(reader.number("a.u16"), 60000.0);
  EXPECT_EQ(reader.number("a.i16"), -30000.0);
  EXPECT_EQ(reader.number("a.u32"), 4e9);
  EXPECT_EQ(reader.number("a.i32"), -2e9);
  EXPECT_EQ(reader.number("a.u64"), 0x1p52);
  EXPECT_EQ(reader.number("a.i64"), -0x1p52);
  EXPECT_EQ(reader.number("a.f32"), static_cast<double>(0.1F));
  EXPECT_EQ(reader.number("a.f64"), 0.1);
  EXPECT_EQ(reader.number("a.yes"), 1.0);
  EXPECT_EQ(reader.number("a.no"), 0.0);
  EXPECT_EQ(reader.text("a.text"), "10");
  EXPECT_EQ(reader.numbers("a.list"), (std::vector<double>{16, 24, -1}));
  EXPECT_EQ(reader.numbers("a.halves"), (std::vector<double>{0.5, 1.5}));
  EXPECT_EQ(reader.keys().size(), 16U);
  // A key of another type, or a missing key, gives nothing.
  EXPECT_EQ(reader.number("a.text"), std::nullopt);
  EXPECT_EQ(reader.number("a.list"), std::nullopt);
  EXPECT_EQ(reader.text("a.u8"), std::nullopt);
  EXPECT_EQ(reader.text("a.words"), std::nullopt);
  EXPECT_EQ(reader.numbers("a.words"), std::nullopt);
  EXPECT_EQ(reader.numbers("a.f64"), std::nullopt);
  EXPECT_EQ(reader.number("b.u8"), std::nullopt);
  EXPECT_EQ(reader.text("b.u8"), std::nullopt);
  EXPECT_EQ(reader.numbers("b.u8"), std::nullopt);
  EXPECT_EQ(reader.tensor("a.u8"), std::nullopt);
}

TEST(gguf_file, gives_axes_by_its_sections) {
  const temporary_file file;
  const file_ptr written(gguf_init_empty());
  gguf_set_val_str(written.get(), "general.architecture", "qwen2vl");
  gguf_set_val_u32(written.get(), "qwen2vl.attention.key_length", 128);
  gguf_set_val_f32(written.get(), "qwen2vl.rope.freq_base", 1e6F);
  const std::int32_t sections[] = {16, 24, 24, 0};
  gguf_set_arr_data(written.get(), "qwen2vl.rope.dimension_sections", GGUF_TYPE_INT32, sections, 4);
  ASSERT_TRUE(gguf_write_to_file(written.get(), file.path().c_str(), false));
  const opened read(file.path());
  const auto config = yarn::gguf_config_from(read.reader());
  EXPECT_EQ(config.dimension_sections, (std::vector<std::int64_t>{16, 24, 24, 0}));
  EXPECT_EQ(config.n_axes, 3);
  ASSERT_EQ(config.axis_of_pair.size(), 64U);
  EXPECT_EQ(config.axis_of_pair[15], 0);
  EXPECT_EQ(config.axis_of_pair[16], 1);
  EXPECT_EQ(config.axis_of_pair[40], 2);
  EXPECT_TRUE(config.notes.empty());
}

TEST(gguf_file, is_refused_if_its_factors_cannot_be_read) {
  const auto refusal = [](const auto& call, std::initializer_list<std::string> words) {
    support::expect_error<std::invalid_argument>(call, words);
  };
  const temporary_file file;
  write(support::gguf_llama3(128, 8), file.path(), GGML_TYPE_F32);
  const opened metadata_only(file.path(), true);
  refusal([&] { static_cast<void>(yarn::gguf_config_from(metadata_only.reader())); },
          {"rope_freqs.weight", "is not loaded", "no_alloc"});
  refusal(
      [&] {
        static_cast<void>(yarn::gguf_config_from(yarn::ggml_gguf_reader(metadata_only.file.get())));
      },
      {"rope_freqs.weight", "is not loaded"});
  refusal([] { static_cast<void>(yarn::ggml_gguf_reader(nullptr)); }, {"gguf_context is null"});

  // Integers that have as many bytes as floats.
  write(support::gguf_llama3(128, 8), file.path(), GGML_TYPE_I32);
  const opened integers(file.path());
  refusal([&] { static_cast<void>(yarn::gguf_config_from(integers.reader())); },
          {"rope_freqs.weight holds i32", "f32 or f16"});

  auto wrong = support::gguf_llama3(128, 8);
  wrong.tensors["rope_freqs.weight"].resize(32);
  write(wrong, file.path(), GGML_TYPE_F32);
  const opened half(file.path());
  refusal([&] { static_cast<void>(yarn::gguf_config_from(half.reader())); },
          {"rope_freqs.weight has 32 values", "64 pairs"});
}

} // namespace
