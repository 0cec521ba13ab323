// SPDX-License-Identifier: MIT
// Compares our rotation in a ggml graph with ggml_rope_ext_inplace in an equal graph. Ours has one
// node that makes the rows for all layers; ggml computes cos and sin again in every node. Prints
// the distance of both from the exact rotation, and their times. `ggml_graph` takes some seconds;
// `ggml_graph --once` is faster, but its times mean nothing.
#include <yarn/ggml.hpp>

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace {

constexpr int head_dim = 128, n_q_heads = 32, n_k_heads = 8;
constexpr float rope_theta = 10000.0F;

/// The CPU backend of ggml, which is loaded at run time.
class processor {
public:
  explicit processor(int n_threads) {
    static const bool loaded = (ggml_backend_load_all(), true);
    static_cast<void>(loaded);
    auto* const device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (device == nullptr)
      throw std::runtime_error("ggml has no plug-in for this processor");
    backend_.reset(ggml_backend_dev_init(device, nullptr));
    const auto set_n_threads =
        reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(
            ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
    if (backend_ == nullptr || set_n_threads == nullptr)
      throw std::runtime_error("the CPU backend of ggml does not start");
    set_n_threads(backend_.get(), n_threads);
  }
  void compute(ggml_cgraph* graph) const {
    if (ggml_backend_graph_compute(backend_.get(), graph) != GGML_STATUS_SUCCESS)
      throw std::runtime_error("ggml could not compute the graph");
  }

private:
  struct freer {
    void operator()(ggml_backend* b) const { ggml_backend_free(b); }
  };
  std::unique_ptr<ggml_backend, freer> backend_;
};

struct work {
  const char* name;
  int n_layers;
  int n_tokens;
  std::int32_t first_position;
  ggml_type type;
  int mode; // GGML_ROPE_TYPE_NEOX or GGML_ROPE_TYPE_NORMAL
};
enum class who { ggml, ours };

float initial_value(std::int64_t i) {
  return static_cast<float>(i * 2654435761 % 1024) / 1024.0F - 0.5F;
}

/// A graph that rotates q and k of all layers in place.
class rope_graph {
public:
  rope_graph(const work& w, who rotates, const yarn::frequencies& freqs) : work_(w) {
    const auto n_values = static_cast<std::size_t>(w.n_layers) *
                          static_cast<std::size_t>(w.n_tokens) * (n_q_heads + n_k_heads) * head_dim;
    context_.reset(
        ggml_init({n_values * ggml_type_size(w.type) + (std::size_t{8} << 20), nullptr, false}));
    if (context_ == nullptr)
      throw std::runtime_error("ggml_init failed");
    ggml_context* const c = context_.get();
    ggml_tensor* const positions = ggml_new_tensor_1d(c, GGML_TYPE_I32, w.n_tokens);
    auto* const list = static_cast<std::int32_t*>(positions->data);
    std::iota(list, list + w.n_tokens, w.first_position);

    graph_ = ggml_new_graph(c);
    // One node per graph. `freqs` must outlive the graph.
    ggml_tensor* const rows =
        rotates == who::ours ? yarn::rope_rows_node(c, positions, freqs) : nullptr;
    for (int layer = 0; layer < w.n_layers; ++layer)
      for (const int n_heads : {n_q_heads, n_k_heads}) {
        // In a model, q and k are products with the weights of the layer.
        ggml_tensor* const x = ggml_new_tensor_3d(c, w.type, head_dim, n_heads, w.n_tokens);
        tensors_.push_back(x);
        ggml_tensor* const y =
            rotates == who::ours
                ? yarn::rope_inplace_node(c, x, rows, yarn::pairing_from_mode(w.mode))
                : ggml_rope_ext_inplace(c, x, positions, nullptr, head_dim, w.mode, 4096,
                                        rope_theta, 1.0F, 0.0F, 1.0F, 32.0F, 1.0F);
        ggml_build_forward_expand(graph_, y);
      }
    refill();
  }

  void compute(const processor& p) const { p.compute(graph_); }

  void refill() {
    for (ggml_tensor* const x : tensors_)
      for (std::int64_t i = 0; i < ggml_nelements(x); ++i) {
        if (x->type == GGML_TYPE_F32)
          static_cast<float*>(x->data)[i] = initial_value(i);
        else
          static_cast<ggml_fp16_t*>(x->data)[i] = ggml_fp32_to_fp16(initial_value(i));
      }
  }

  /// The largest distance of the first tensor from the exact rotation. The graph must have been
  /// computed once after refill. The other tensors differ from the first one only in their number
  /// of heads.
  double error() const {
    double largest = 0;
    const ggml_tensor* const x = tensors_.front();
    for (std::int64_t head = 0; head < x->ne[1] * x->ne[2]; ++head) {
      const std::int64_t position = work_.first_position + head / x->ne[1];
      for (int i = 0; i < head_dim / 2; ++i) {
        const bool is_neox = work_.mode == GGML_ROPE_TYPE_NEOX;
        const std::int64_t first = head * head_dim + (is_neox ? i : 2 * i);
        const std::int64_t second = first + (is_neox ? head_dim / 2 : 1);
        const long double angle =
            static_cast<long double>(position) *
            std::pow(static_cast<long double>(rope_theta), -2.0L * i / head_dim);
        const long double cos = std::cos(angle), sin = std::sin(angle);
        const long double a = initial_value(first), b = initial_value(second);
        largest = std::max({largest, distance(x, first, a * cos - b * sin),
                            distance(x, second, a * sin + b * cos)});
      }
    }
    return largest;
  }

private:
  static double distance(const ggml_tensor* x, std::int64_t i, long double wanted) {
    const float found = x->type == GGML_TYPE_F32
                            ? static_cast<const float*>(x->data)[i]
                            : ggml_fp16_to_fp32(static_cast<const ggml_fp16_t*>(x->data)[i]);
    return static_cast<double>(std::fabs(static_cast<long double>(found) - wanted));
  }

  struct freer {
    void operator()(ggml_context* c) const { ggml_free(c); }
  };
  work work_;
  std::unique_ptr<ggml_context, freer> context_;
  ggml_cgraph* graph_ = nullptr;
  std::vector<ggml_tensor*> tensors_;
};

// ---- Measuring ---------------------------------------------------------------------------------

double seconds_of(const rope_graph& graph, const processor& p, int n) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < n; ++i)
    graph.compute(p);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / n;
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Prints a line of the table. Both graphs are measured alternately, so that other programs disturb
/// both. Returns whether our rotation is at least as near to the exact rotation as ggml's.
bool compare(const work& w, int n_threads, int rounds, const yarn::frequencies& freqs) {
  const processor p(n_threads);
  rope_graph theirs(w, who::ggml, freqs), ours(w, who::ours, freqs);
  theirs.compute(p);
  ours.compute(p);
  const double their_error = theirs.error(), our_error = ours.error();

  constexpr double round_seconds = 2e-3;
  const auto calls = [&](const rope_graph& graph) {
    return rounds == 1
               ? 1
               : std::clamp(static_cast<int>(round_seconds / seconds_of(graph, p, 1)), 1, 100);
  };
  const int their_calls = calls(theirs), our_calls = calls(ours);
  std::vector<double> their_times, our_times, ratios;
  for (int round = 0; round < rounds; ++round) {
    their_times.push_back(1e6 * seconds_of(theirs, p, their_calls) / w.n_layers);
    our_times.push_back(1e6 * seconds_of(ours, p, our_calls) / w.n_layers);
    ratios.push_back(their_times.back() / our_times.back());
  }
  std::printf("| %s | %s | %s | %d | %.2f | %.2f | %.1f | %.0e | %.0e |\n", w.name,
              ggml_type_name(w.type), w.mode == GGML_ROPE_TYPE_NEOX ? "NEOX" : "NORMAL", n_threads,
              median(their_times), median(our_times), median(ratios), their_error, our_error);
  return our_error <= their_error;
}

} // namespace

int main(int argc, char** argv) try {
  const int rounds = argc > 1 && std::string_view(argv[1]) == "--once" ? 1 : 11;
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rope_theta = static_cast<double>(rope_theta);
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});

  std::printf(
      "ggml %s; q and k of %d + %d heads of %d, in place; medians of the time of a layer\n\n"
      "| work | type | mode | threads | ggml, µs | ours, µs | ratio | "
      "error of ggml | error of ours |\n"
      "|---|---|---|---|---|---|---|---|---|\n",
      ggml_version(), n_q_heads, n_k_heads, head_dim);
  bool is_nearer = true;
  for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16})
    for (const int mode : {GGML_ROPE_TYPE_NEOX, GGML_ROPE_TYPE_NORMAL})
      for (const int n_threads : {1, 2}) {
        is_nearer &= compare({"decode, 1 token, 32 layers", 32, 1, 100003, type, mode}, n_threads,
                             rounds, freqs);
        is_nearer &= compare({"prompt, 512 tokens, 2 layers", 2, 512, 100003, type, mode},
                             n_threads, rounds, freqs);
      }
  if (!is_nearer)
    std::printf("\nours is farther from the exact rotation than ggml's\n");
  return is_nearer ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "ggml_graph: %s\n", error.what());
  return 1;
}
