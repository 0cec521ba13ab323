// SPDX-License-Identifier: MIT
// yarn/testing.hpp checks RotaryEmbedding of onnxruntime. With our rows in its caches the operator
// passes. Mistakes in caches or attributes are named.
#include <gtest/gtest.h>
#include <onnxruntime_cxx_api.h>
#include <yarn/testing.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace {

using yarn::pairing;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::report;

constexpr std::int64_t n_rows = 32768;
constexpr std::int64_t head_dim = 128;

/// The operator with its caches, as an engine that rotates from a source into a target.
class onnx_engine {
public:
  onnx_engine(const yarn::frequencies& f, pairing order) : n_pairs_(f.n_pairs()), order_(order) {
    cos_.resize(static_cast<std::size_t>(n_rows * n_pairs_));
    sin_.resize(cos_.size());
    yarn::fill_rows(f, yarn::positions_from(0, n_rows), cos_.data(), sin_.data(), n_pairs_);
  }

  void operator()(const yarn::heads_view<const float>& x, const yarn::heads_view<float>& y,
                  const std::vector<std::int64_t>& list) {
    std::vector<std::int64_t> positions = list;
    const std::vector<std::int64_t> shape = {1, x.n_tokens(), x.n_heads() * x.head_dim()};
    std::vector<Ort::ValueInfo> inputs;
    std::vector<Ort::ValueInfo> outputs;
    std::vector<Ort::Value> values;
    std::vector<Ort::Value> results;
    add("x", inputs, values, const_cast<float*>(x.data()), shape); // x is only read
    add("positions", inputs, values, positions.data(), {1, x.n_tokens()});
    add("cos", inputs, values, cos_.data(), {n_rows, n_pairs_});
    add("sin", inputs, values, sin_.data(), {n_rows, n_pairs_});
    add("y", outputs, results, y.data(), shape);

    const std::int64_t interleaved = order_ == pairing::interleaved ? 1 : 0;
    const std::int64_t heads = x.n_heads();
    const std::int64_t rotary_dim = 2 * n_pairs_ == head_dim ? 0 : 2 * n_pairs_;
    std::vector<Ort::OpAttr> attributes;
    attributes.emplace_back("interleaved", &interleaved, 1, ORT_OP_ATTR_INT);
    attributes.emplace_back("num_heads", &heads, 1, ORT_OP_ATTR_INT);
    attributes.emplace_back("rotary_embedding_dim", &rotary_dim, 1, ORT_OP_ATTR_INT);
    Ort::Graph graph;
    graph.SetInputs(inputs);
    graph.SetOutputs(outputs);
    Ort::Node node("RotaryEmbedding", "com.microsoft", "rope", {"x", "positions", "cos", "sin"},
                   {"y"}, attributes);
    graph.AddNode(node);
    Ort::Model model({{"", 18}, {"com.microsoft", 1}});
    model.AddGraph(graph);
    static const Ort::Env env(ORT_LOGGING_LEVEL_WARNING);
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    Ort::Session session(env, model, options);
    const char* const in[] = {"x", "positions", "cos", "sin"};
    const char* const out[] = {"y"};
    session.Run(Ort::RunOptions(), in, values.data(), values.size(), out, results.data(), 1);
  }

private:
  template <class E>
  static void add(const std::string& name, std::vector<Ort::ValueInfo>& infos,
                  std::vector<Ort::Value>& values, E* data,
                  const std::vector<std::int64_t>& shape) {
    const auto type =
        sizeof(E) == 8 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    const Ort::TensorTypeAndShapeInfo info(type, shape);
    infos.emplace_back(name, Ort::TypeInfo::CreateTensorInfo(info.GetConst()).GetConst());
    std::int64_t size = 1;
    for (const std::int64_t extent : shape)
      size *= extent;
    values.push_back(Ort::Value::CreateTensor<E>(
        Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), data,
        static_cast<std::size_t>(size), shape.data(), shape.size()));
  }

  std::int64_t n_pairs_;
  pairing order_;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

yarn::rope_shape shape_of(std::int64_t rotary_dim) {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = 10000.0;
  return shape;
}
yarn::yarn_scaling yarn_x16() {
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return method;
}

report check(const expectation& e, onnx_engine engine) {
  yarn::testing::options o;
  o.max_position = n_rows - 1;
  return yarn::testing::check_copy<float, float>(e, engine, o);
}

TEST(testing_onnxruntime, is_right_with_rows_of_the_library) {
  for (const pairing order : {pairing::half_split, pairing::interleaved})
    for (const std::int64_t rotary_dim : {128, 64}) {
      const expectation e(shape_of(rotary_dim), yarn_x16(), order);
      const report r = check(e, {e.frequencies(), order});
      EXPECT_TRUE(r) << r;
      EXPECT_TRUE(r.findings.empty()) << r;
    }
}

TEST(testing_onnxruntime, wrong_caches_and_attributes_are_named) {
  const expectation e(shape_of(128), yarn_x16(), pairing::half_split);
  const auto names = [&](const onnx_engine& engine, diagnosis what) {
    const report r = check(e, engine);
    EXPECT_FALSE(r) << r;
    EXPECT_EQ(r.findings.size(), 1U) << r;
    EXPECT_TRUE(r.has(what)) << r;
  };
  const yarn::frequencies& f = e.frequencies();
  names({f, pairing::interleaved}, diagnosis::wrong_pairing);
  names({yarn::float32_pipeline(f), pairing::half_split}, diagnosis::float32_angles);
  names({yarn::unscaled(f), pairing::half_split}, diagnosis::attention_factor_missing);
  names({yarn::adjoint(f), pairing::half_split}, diagnosis::wrong_direction);
  names({yarn::make_frequencies(shape_of(128), yarn::default_scaling{}), pairing::half_split},
        diagnosis::scaling_missing);
}

} // namespace
