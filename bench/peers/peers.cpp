// SPDX-License-Identifier: MIT
// Compares our rotation with ggml and onnxruntime, on the same work and mostly the same memory.
// Prints lines of the table that bench/peers/run writes.
#include "../support.hpp"
#include "exact.hpp"

#include <ggml-backend.h>
#include <ggml.h>
#include <onnxruntime_cxx_api.h>

#include <link.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using yarn::pairing;

constexpr int n_heads = 32;
constexpr int token_size = n_heads * peers::head_dim;
constexpr int n_table_rows = 131072;

/// The work: n_layers tensors [n_tokens][32][128], one after the other, each rotated `repeats`
/// times. Peers that work in place rotate `to`. Other peers read `from` and write `to`.
template <class T> struct task {
  const T* from;
  T* to;
  int n_layers;
  int n_tokens;
  int repeats;
  const std::int32_t* positions;
  pairing order;
  bool with_yarn; ///< the scaling method YaRN, not this library

  T* layer(int i) const { return to + static_cast<std::ptrdiff_t>(i) * n_tokens * token_size; }
};

/// One call of `work` does `n_ops` rotations of a layer. The time of `overhead` is subtracted.
struct prepared {
  std::function<void()> work;
  int n_ops;
  std::function<void()> overhead = [] {};
};

// ---- ours --------------------------------------------------------------------------------------

template <class T> prepared prepare_ours(const task<T>& t) {
  auto freqs = t.with_yarn ? support::steady_frequencies()
                           : yarn::make_frequencies(support::shape_of(peers::head_dim),
                                                    yarn::default_scaling{});
  // Every call makes its rows, as in ggml.
  auto work = [t, freqs = std::move(freqs)] {
    for (int repeat = 0; repeat < t.repeats; ++repeat)
      for (int i = 0; i < t.n_layers; ++i)
        yarn::rope_apply(yarn::heads_view<T>(t.layer(i), t.n_tokens, n_heads, peers::head_dim),
                         yarn::rows_of(freqs, yarn::positions(t.positions, t.n_tokens)), t.order);
  };
  return {work, t.repeats * t.n_layers};
}

// ---- ggml --------------------------------------------------------------------------------------

[[noreturn]] void stop(const char* why) {
  std::fprintf(stderr, "peers: %s\n", why);
  std::exit(1);
}

ggml_backend_dev_t ggml_device() {
  static auto* const device = [] {
    ggml_backend_load_all(); // takes the best plug-in that this processor supports
    return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  }();
  if (device == nullptr)
    stop("ggml has no plug-in for this processor");
  return device;
}

ggml_backend_t ggml_one_thread() {
  static auto* const backend = [] {
    auto* const made = ggml_backend_dev_init(ggml_device(), nullptr);
    const auto set_n_threads =
        reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(
            ggml_backend_dev_backend_reg(ggml_device()), "ggml_backend_set_n_threads"));
    if (made == nullptr || set_n_threads == nullptr)
      stop("the CPU backend of ggml does not start");
    set_n_threads(made, 1);
    return made;
  }();
  return backend;
}

/// The file name of ggml's plug-in, which contains the instruction set.
std::string ggml_plugin() {
  ggml_device();
  std::string name = "?";
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        const std::string_view path = info->dlpi_name;
        const std::size_t start = path.find("libggml-cpu-");
        if (start != std::string_view::npos)
          *static_cast<std::string*>(found) = path.substr(start);
        return 0;
      },
      &name);
  return name;
}

struct ggml_freer {
  void operator()(ggml_context* c) const { ggml_free(c); }
  void operator()(ggml_backend_buffer* b) const { ggml_backend_buffer_free(b); }
};

/// A graph of all rotations, in place. It uses our memory, so that both peers have huge pages.
template <class T> prepared prepare_ggml(const task<T>& t) {
  const int n_ops = t.repeats * t.n_layers;
  const auto n_nodes = static_cast<std::size_t>(n_ops + t.n_layers + 1);
  const std::shared_ptr<ggml_context> context(
      ggml_init({n_nodes * ggml_tensor_overhead() + ggml_graph_overhead_custom(n_nodes, false),
                 nullptr, true}),
      ggml_freer{});
  const auto buffer_of = [&](void* data, std::size_t bytes) {
    return std::shared_ptr<ggml_backend_buffer>(
        ggml_backend_dev_buffer_from_host_ptr(ggml_device(), data, bytes, bytes), ggml_freer{});
  };
  const auto tokens = static_cast<std::size_t>(t.n_tokens);
  const auto list = std::make_shared<support::warm_array<std::int32_t>>(tokens);
  std::copy_n(t.positions, t.n_tokens, list->data());
  const auto list_buffer = buffer_of(list->data(), list->bytes());
  const auto buffer =
      buffer_of(t.to, static_cast<std::size_t>(t.n_layers) * tokens * token_size * sizeof(T));

  ggml_tensor* const positions = ggml_new_tensor_1d(context.get(), GGML_TYPE_I32, t.n_tokens);
  ggml_backend_tensor_alloc(list_buffer.get(), positions, list->data());
  std::vector<ggml_tensor*> layers;
  for (int i = 0; i < t.n_layers; ++i) {
    layers.push_back(ggml_new_tensor_3d(context.get(),
                                        sizeof(T) == 4 ? GGML_TYPE_F32 : GGML_TYPE_F16,
                                        peers::head_dim, n_heads, t.n_tokens));
    ggml_backend_tensor_alloc(buffer.get(), layers.back(), t.layer(i));
  }

  const auto factor = static_cast<float>(peers::yarn_factor);
  // ggml multiplies by YaRN's attention factor, so attn_factor is its inverse.
  const float attn_factor = 1 / (1 + 0.1F * std::log(factor));
  ggml_cgraph* const graph = ggml_new_graph_custom(context.get(), n_nodes, false);
  for (int repeat = 0; repeat < t.repeats; ++repeat)
    for (ggml_tensor*& x : layers) {
      x = ggml_rope_ext_inplace(context.get(), x, positions, nullptr, peers::head_dim,
                                t.order == pairing::half_split ? GGML_ROPE_TYPE_NEOX
                                                               : GGML_ROPE_TYPE_NORMAL,
                                peers::yarn_original_length, static_cast<float>(peers::rope_theta),
                                t.with_yarn ? 1 / factor : 1.0F, t.with_yarn ? 1.0F : 0.0F,
                                t.with_yarn ? attn_factor : 1.0F, 32, 1);
      ggml_backend_view_init(x);
      ggml_build_forward_expand(graph, x);
    }
  return {[=] {
            static_cast<void>(context), static_cast<void>(list), static_cast<void>(list_buffer),
                static_cast<void>(buffer);
            if (ggml_backend_graph_compute(ggml_one_thread(), graph) != GGML_STATUS_SUCCESS)
              stop("ggml could not compute the graph");
          },
          n_ops};
}

// ---- onnxruntime -------------------------------------------------------------------------------

/// cos and sin of all positions, in the two arrays that onnxruntime's operator reads.
struct table {
  support::warm_array<float> cos{std::size_t{n_table_rows} * peers::n_pairs};
  support::warm_array<float> sin{std::size_t{n_table_rows} * peers::n_pairs};
  table() {
    yarn::fill_rows(
        yarn::make_frequencies(support::shape_of(peers::head_dim), yarn::default_scaling{}),
        yarn::positions_from(0, n_table_rows), cos.data(), sin.data(), peers::n_pairs);
  }
};

/// A graph of operators that do not depend on each other, with all memory bound beforehand.
class onnx_graph {
public:
  void input(const std::string& name, const float* data, const std::vector<std::int64_t>& shape) {
    add(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, shape, inputs_, input_names_);
    // onnxruntime has no tensors of const elements. This tensor is only read.
    input_values_.push_back(tensor(const_cast<float*>(data), shape));
  }
  void input(const std::string& name, std::int64_t* data, const std::vector<std::int64_t>& shape) {
    add(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, shape, inputs_, input_names_);
    input_values_.push_back(tensor(data, shape));
  }
  void output(const std::string& name, float* data, const std::vector<std::int64_t>& shape) {
    add(name, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, shape, outputs_, output_names_);
    output_values_.push_back(tensor(data, shape));
  }
  void node(Ort::Node node) { graph_.AddNode(node); }

  /// Creates the session. Call it once, after all nodes were added.
  void start() {
    graph_.SetInputs(inputs_);
    graph_.SetOutputs(outputs_);
    Ort::Model model({{"", 18}, {"com.microsoft", 1}});
    model.AddGraph(graph_);
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    options.SetInterOpNumThreads(1);
    session_ = Ort::Session(environment(), model, options);
    for (const std::string& name : input_names_)
      input_pointers_.push_back(name.c_str());
    for (const std::string& name : output_names_)
      output_pointers_.push_back(name.c_str());
  }
  void run() {
    session_.Run(run_options_, input_pointers_.data(), input_values_.data(), input_values_.size(),
                 output_pointers_.data(), output_values_.data(), output_values_.size());
  }

private:
  static Ort::Env& environment() {
    static Ort::Env env(ORT_LOGGING_LEVEL_WARNING);
    return env;
  }
  template <class E> static Ort::Value tensor(E* data, const std::vector<std::int64_t>& shape) {
    std::int64_t size = 1;
    for (const std::int64_t extent : shape)
      size *= extent;
    return Ort::Value::CreateTensor<E>(
        Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), data,
        static_cast<std::size_t>(size), shape.data(), shape.size());
  }
  static void add(const std::string& name, ONNXTensorElementDataType type,
                  const std::vector<std::int64_t>& shape, std::vector<Ort::ValueInfo>& infos,
                  std::vector<std::string>& names) {
    const Ort::TensorTypeAndShapeInfo info(type, shape);
    infos.emplace_back(name, Ort::TypeInfo::CreateTensorInfo(info.GetConst()).GetConst());
    names.push_back(name);
  }

  Ort::Graph graph_;
  Ort::Session session_{nullptr};
  Ort::RunOptions run_options_;
  std::vector<Ort::ValueInfo> inputs_, outputs_;
  std::vector<std::string> input_names_, output_names_;
  std::vector<Ort::Value> input_values_, output_values_;
  std::vector<const char*> input_pointers_, output_pointers_;
};

/// One graph with one operator per layer. `repeats` is not used, because nothing is in place. The
/// overhead is the cost of a session: a graph with as many operators that copy one element each.
prepared prepare_onnx(const task<float>& t, const table& rows) {
  struct graphs {
    onnx_graph rotary, idle;
    std::vector<std::int64_t> positions;
    std::vector<float> idle_data;
  };
  const auto g = std::make_shared<graphs>();
  g->positions.assign(t.positions, t.positions + t.n_tokens);
  g->idle_data.resize(static_cast<std::size_t>(2 * t.n_layers));
  const std::vector<std::int64_t> rows_shape = {n_table_rows, peers::n_pairs};
  g->rotary.input("positions", g->positions.data(), {1, t.n_tokens});
  g->rotary.input("cos", rows.cos.data(), rows_shape);
  g->rotary.input("sin", rows.sin.data(), rows_shape);
  for (int i = 0; i < t.n_layers; ++i) {
    const std::string number = std::to_string(i), x = "x" + number, y = "y" + number;
    const std::vector<std::int64_t> shape = {1, t.n_tokens, token_size};
    g->rotary.input(x, t.from + (t.layer(i) - t.to), shape);
    g->rotary.output(y, t.layer(i), shape);
    const std::int64_t interleaved = t.order == pairing::interleaved ? 1 : 0;
    std::vector<Ort::OpAttr> attributes;
    attributes.emplace_back("interleaved", &interleaved, 1, ORT_OP_ATTR_INT);
    g->rotary.node(Ort::Node("RotaryEmbedding", "com.microsoft", "rope" + number,
                             {x, "positions", "cos", "sin"}, {y}, attributes));
    float* const idle = &g->idle_data[static_cast<std::size_t>(2 * i)];
    g->idle.input(x, idle, {1});
    g->idle.output(y, idle + 1, {1});
    g->idle.node(Ort::Node("Identity", "", "idle" + number, {x}, {y}));
  }
  g->rotary.start();
  g->idle.start();
  return {[g] { g->rotary.run(); }, t.n_layers, [g] { g->idle.run(); }};
}

// ---- comparing ---------------------------------------------------------------------------------

template <class T> struct contender {
  const char* name;
  bool with_yarn; ///< the scaling method YaRN
  std::function<prepared(const task<T>&)> prepare;
};

/// The largest errors at 32 consecutive positions up to 1000, 32767 and 131071, as cells of the
/// table.
template <class T> std::string errors(const contender<T>& peer, task<T> t) {
  t.n_layers = 1;
  t.repeats = 1;
  t.n_tokens = 32;
  const std::size_t n = static_cast<std::size_t>(t.n_tokens) * token_size;
  const support::warm_array<T> before(n), after(n);
  t.from = before.data();
  t.to = after.data();
  std::string cells;
  for (const int last : {1000, 32767, 131071}) {
    std::array<std::int32_t, 32> positions;
    for (int i = 0; i < 32; ++i)
      positions[static_cast<std::size_t>(i)] = last - 31 + i;
    t.positions = positions.data();
    std::memcpy(after.data(), before.data(), before.bytes());
    peer.prepare(t).work();
    char cell[32];
    std::snprintf(cell, sizeof cell, " %.0e |",
                  peers::max_error(before.data(), after.data(), positions.data(), t.n_tokens,
                                   n_heads, t.order, peer.with_yarn));
    cells += cell;
  }
  return cells;
}

/// Measures all contenders one after another, 31 times. Prints one line of the table for
/// each. The first contender is ours.
template <class T>
void compare(const char* work, int n_layers, int n_tokens, int repeats, pairing order,
             const std::vector<contender<T>>& contenders) {
  const std::size_t n =
      static_cast<std::size_t>(n_layers) * static_cast<std::size_t>(n_tokens) * token_size;
  const support::warm_array<T> from(n), to(n);
  // 16-bit elements that are read as floats could be numbers of any size, also subnormal ones. So
  // the multiplication has its own memory.
  const support::warm_array<float> scale_memory(sizeof(T) == 4 ? 0 : n / 2);
  std::vector<std::int32_t> positions(static_cast<std::size_t>(n_tokens));
  for (int i = 0; i < n_tokens; ++i)
    positions[static_cast<std::size_t>(i)] = n_tokens == 1 ? 4096 : i;
  task<T> t{from.data(), to.data(), n_layers, n_tokens, repeats, positions.data(), order, false};

  float minus_one = -1;
  benchmark::DoNotOptimize(minus_one);
  const auto scale = [&] {
    if constexpr (std::is_same_v<T, float>)
      support::scale(to.data(), n, minus_one);
    else
      support::scale(scale_memory.data(), n / 2, minus_one);
  };

  constexpr int rounds = 31;
  constexpr double round_seconds = 2e-3;
  std::vector<prepared> all;
  std::vector<std::int64_t> calls, overhead_calls;
  for (const contender<T>& peer : contenders) {
    t.with_yarn = peer.with_yarn;
    all.push_back(peer.prepare(t));
    calls.push_back(support::repetitions_for(all.back().work, round_seconds));
    overhead_calls.push_back(std::min<std::int64_t>(
        support::repetitions_for(all.back().overhead, round_seconds / 4), 1000));
  }
  const std::int64_t scale_calls = support::repetitions_for(scale, round_seconds);
  std::vector<std::vector<double>> times(all.size()), of_scale(all.size()), ours(all.size());
  for (int round = 0; round < rounds; ++round) {
    const double scaled = support::seconds_per_call(scale, scale_calls) / n_layers;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double seconds = (support::seconds_per_call(all[i].work, calls[i]) -
                              support::seconds_per_call(all[i].overhead, overhead_calls[i])) /
                             all[i].n_ops;
      times[i].push_back(seconds);
      of_scale[i].push_back(scaled / seconds);
      ours[i].push_back(seconds / times.front().back());
    }
  }

  const double bytes = 2.0 * static_cast<double>(n * sizeof(T)) / n_layers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double seconds = support::median(times[i]);
    t.with_yarn = contenders[i].with_yarn;
    std::printf("| %s | %s | %s | %s | %.*f | %.1f | %.2f | %.1f |%s\n", work,
                support::type_name<T>(), support::pairing_name(order), contenders[i].name,
                n_tokens == 1 ? 3 : 0, 1e6 * seconds, 1e-9 * bytes / seconds,
                support::median(of_scale[i]), support::median(ours[i]),
                errors(contenders[i], t).c_str());
  }
  std::fflush(stdout);
}

template <class T> void compare_type(const table& rows) {
  std::vector<contender<T>> contenders = {{"**ours**", false, prepare_ours<T>}};
  if constexpr (!std::is_same_v<T, yarn::bfloat16>) { // ggml cannot rotate bfloat16
    contenders.push_back({"ggml", false, prepare_ggml<T>});
    contenders.push_back({"**ours**, YaRN", true, prepare_ours<T>});
    contenders.push_back({"ggml, YaRN", true, prepare_ggml<T>});
  }
  if constexpr (std::is_same_v<T, float>)
    contenders.push_back(
        {"onnxruntime", false, [&](const task<T>& t) { return prepare_onnx(t, rows); }});
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    compare("decode", peers::n_layers, 1, 8, order, contenders);
    compare("prefill", 1, 4096, 1, order, contenders);
  }
}

} // namespace

int main(int argc, char** argv) try {
  if (argc > 1 && std::string_view(argv[1]) == "--versions") {
    std::printf("g++ %s, ours built for %s; ggml %s (%s); onnxruntime %s", __VERSION__,
                support::arch_name().c_str(), ggml_version(), ggml_plugin().c_str(),
                Ort::GetVersionString().c_str());
    return 0;
  }
  const table rows;
  compare_type<float>(rows);
  compare_type<yarn::float16>(rows);
  compare_type<yarn::bfloat16>(rows);
  return 0;
} catch (const std::exception& error) {
  stop(error.what());
}
