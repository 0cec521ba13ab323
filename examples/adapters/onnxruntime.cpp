// SPDX-License-Identifier: MIT
// Compares our operators with the operator of onnxruntime in a session that rotates one tensor per
// layer: 32 layers of one token, and 2 layers of a prompt. Prints the time per layer and the
// distance from the exact rotation.
#include "onnx_bytes.hpp"

#include <onnxruntime_cxx_api.h>
#include <yarn/onnxruntime.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string>
#include <vector>

namespace {

using examples::message;

constexpr int n_heads = 32, head_dim = 128, n_pairs = head_dim / 2, hidden = n_heads * head_dim;
constexpr int n_positions = 8192; // rows of the tables of com.microsoft.RotaryEmbedding

enum class who { nobody, theirs, ours };

message tensor(const std::string& name, int type, std::int64_t rows, std::int64_t columns,
               bool is_batch) {
  message extents;
  if (is_batch)
    extents.add(1, message().add(1, 1));
  extents.add(1, message().add(1, rows)).add(1, message().add(1, columns));
  return message().add(1, name).add(2, message().add(1, message().add(1, type).add(2, extents)));
}

message node(const std::string& type, const std::string& domain,
             const std::vector<std::string>& from, const std::string& to) {
  message made;
  for (const std::string& name : from)
    made.add(1, name);
  made.add(2, to).add(4, type).add(7, domain);
  if (!domain.empty() && type != "RopeRows") {
    made.add(5, message().add(1, std::string("interleaved")).add(3, 0).add(20, 2));
    made.add(5, message().add(1, std::string("num_heads")).add(3, n_heads).add(20, 2));
  }
  return made;
}

/// The bytes of an .onnx file with inputs ids, cos, sin, x0 ... and outputs y0 .... Without a
/// rotation, an operator of onnxruntime copies x.
std::string model_of(who rotates, int n_layers, int n_tokens) {
  constexpr int is_float = 1, is_int64 = 7;
  message graph;
  graph.add(2, std::string("layers"));
  graph.add(11, tensor("ids", is_int64, 1, n_tokens, false));
  graph.add(11, tensor("cos", is_float, n_positions, n_pairs, false));
  graph.add(11, tensor("sin", is_float, n_positions, n_pairs, false));
  if (rotates == who::ours)
    graph.add(1, node("RopeRows", "yarn", {"ids"}, "rows")); // one node for all layers
  for (int i = 0; i < n_layers; ++i) {
    const std::string x = "x" + std::to_string(i), y = "y" + std::to_string(i);
    graph.add(11, tensor(x, is_float, n_tokens, hidden, true));
    graph.add(12, tensor(y, is_float, n_tokens, hidden, true));
    graph.add(1, rotates == who::ours ? node("Rope", "yarn", {x, "rows"}, y)
                 : rotates == who::theirs
                     ? node("RotaryEmbedding", "com.microsoft", {x, "ids", "cos", "sin"}, y)
                     : node("Identity", "", {x}, y));
  }
  message model;
  model.add(1, 8).add(7, graph);
  model.add(8, message().add(1, std::string()).add(2, 18));
  model.add(8, message().add(1, std::string("com.microsoft")).add(2, 1));
  model.add(8, message().add(1, std::string("yarn")).add(2, 1));
  return model.bytes();
}

/// A session on one thread. All its memory is bound before it is measured.
class layers {
public:
  layers(who rotates, int n_layers, int n_tokens, int first, OrtCustomOpDomain* domain,
         std::vector<float>& cos, std::vector<float>& sin)
      : x(static_cast<std::size_t>(n_layers) * static_cast<std::size_t>(n_tokens) * hidden),
        y(x.size()), n_layers_(n_layers) {
    static Ort::Env environment(ORT_LOGGING_LEVEL_ERROR);
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.Add(domain);
    const std::string bytes = model_of(rotates, n_layers, n_tokens);
    session_ = Ort::Session(environment, bytes.data(), bytes.size(), options);

    for (int t = 0; t < n_tokens; ++t)
      ids_.push_back(first + t);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = std::sin(static_cast<float>(i));
    add("ids", ids_.data(), {1, n_tokens}, true);
    add("cos", cos.data(), {n_positions, n_pairs}, true);
    add("sin", sin.data(), {n_positions, n_pairs}, true);
    for (int i = 0; i < n_layers; ++i) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i) * n_tokens * hidden;
      add("x" + std::to_string(i), x.data() + at, {1, n_tokens, hidden}, true);
      add("y" + std::to_string(i), y.data() + at, {1, n_tokens, hidden}, false);
    }
  }

  void run() {
    std::vector<const char*> from, to;
    for (const std::string& name : from_)
      from.push_back(name.c_str());
    for (const std::string& name : to_)
      to.push_back(name.c_str());
    session_.Run(Ort::RunOptions(), from.data(), inputs_.data(), from.size(), to.data(),
                 outputs_.data(), to.size());
  }

  /// Measures one run, in microseconds of processor time per layer, so other programs have little
  /// effect.
  double time(int repeats) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < repeats; ++i)
      run();
    return 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / repeats / n_layers_;
  }

  /// The largest distance of a pair from the exact rotation, relative to the length of the pair.
  double error(const yarn::frequencies& freqs) const {
    double largest = 0;
    for (std::size_t i = 0; i < x.size(); i += head_dim)
      for (std::size_t pair = 0; pair < n_pairs; ++pair) {
        const std::size_t token = i / hidden % ids_.size(), a = i + pair, b = a + n_pairs;
        const long double angle =
            static_cast<long double>(ids_[token]) * freqs.inv_freq().data()[pair];
        const long double c = std::cos(angle), s = std::sin(angle), x0 = x[a], x1 = x[b];
        largest = std::max(largest, static_cast<double>(std::hypot(y[a] - (x0 * c - x1 * s),
                                                                   y[b] - (x0 * s + x1 * c)) /
                                                        std::hypot(x0, x1)));
      }
    return largest;
  }

  std::vector<float> x, y;

private:
  template <class T>
  void add(const std::string& name, T* data, const std::vector<std::int64_t>& shape,
           bool is_input) {
    std::size_t size = 1;
    for (const std::int64_t extent : shape)
      size *= static_cast<std::size_t>(extent);
    (is_input ? from_ : to_).push_back(name);
    (is_input ? inputs_ : outputs_)
        .push_back(Ort::Value::CreateTensor<T>(
            Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), data, size,
            shape.data(), shape.size()));
  }

  std::vector<std::int64_t> ids_;
  std::vector<std::string> from_, to_;
  std::vector<Ort::Value> inputs_, outputs_;
  Ort::Session session_{nullptr};
  int n_layers_;
};

double median(std::vector<double> list) {
  std::nth_element(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(list.size() / 2),
                   list.end());
  return list[list.size() / 2];
}

} // namespace

int main() try {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});

  // Operators and domain must outlive the sessions.
  const yarn::onnx_rope_rows rope_rows(freqs);
  const yarn::onnx_rope rope;
  Ort::CustomOpDomain domain("yarn");
  domain.Add(&rope_rows);
  domain.Add(&rope);

  std::vector<float> cos(static_cast<std::size_t>(n_positions) * n_pairs), sin(cos.size());
  yarn::fill_rows(freqs, yarn::positions_from(0, n_positions), cos.data(), sin.data(), n_pairs);

  std::printf("| %d heads of %d, one thread | onnxruntime's operator | ours | a copy |\n"
              "|---|---|---|---|\n",
              n_heads, head_dim);
  double worst = 0;
  for (const bool is_decode : {true, false}) {
    const int n_layers = is_decode ? 32 : 2, n_tokens = is_decode ? 1 : 1024;
    const int repeats = is_decode ? 100 : 1;
    layers theirs(who::theirs, n_layers, n_tokens, 4000, domain, cos, sin);
    layers ours(who::ours, n_layers, n_tokens, 4000, domain, cos, sin);
    layers copies(who::nobody, n_layers, n_tokens, 4000, domain, cos, sin);
    std::vector<double> their_times, our_times, copy_times;
    for (int round = 0; round < 31; ++round) {
      their_times.push_back(theirs.time(repeats));
      our_times.push_back(ours.time(repeats));
      copy_times.push_back(copies.time(repeats));
    }
    std::printf("| %s, a layer | %.2f us, error %.1e | %.2f us, error %.1e | %.2f us |\n",
                is_decode ? "1 token" : "1024 tokens", median(their_times), theirs.error(freqs),
                median(our_times), ours.error(freqs), median(copy_times));
    worst = std::max(worst, ours.error(freqs));
  }
  // The bound of rope.hpp for an element, with a fused multiply-add.
  return worst < 2 * 0x1p-23 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
