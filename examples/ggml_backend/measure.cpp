// SPDX-License-Identifier: MIT
// measure PLUG_IN N_THREADS MODEL...: prints a table for a decode of one token and for a prompt:
// the time of llama.cpp with and without the plug-in, the time of the ROPE nodes alone in both
// backends, and the number of splits.
#include "yarn_backend.hpp"

#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct freer {
  void operator()(llama_model* m) const { llama_model_free(m); }
  void operator()(llama_context* c) const { llama_free(c); }
  void operator()(ggml_context* c) const { ggml_free(c); }
  void operator()(ggml_backend* b) const { ggml_backend_free(b); }
};
template <class T> using owned = std::unique_ptr<T, freer>;

constexpr int n_prompt = 512, n_past = 64; // a decode has n_past tokens before it

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
/// The time of a call. For one thread this is processor time, so that other programs disturb less.
/// For several threads it is elapsed time, because threads that wait also take processor time.
template <class Call> double microseconds(int n_threads, const Call& call) {
  const auto now = [&] {
    timespec t;
    clock_gettime(n_threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return 1e6 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  call();
  return now() - start;
}

// ---- llama.cpp ----------------------------------------------------------------------------------

/// The shape and the arguments of a ROPE node of llama.cpp. ropes_alone makes an equal node.
struct rope_shape {
  std::int64_t ne[4];
  std::int64_t n_positions;
  std::int64_t n_factors;
  ggml_type type;
  std::int32_t params[GGML_MAX_OP_PARAMS / sizeof(std::int32_t)];
};

class engine {
public:
  engine(llama_model* model, int n_threads, bool observe) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = 2 * n_prompt;
    params.n_batch = params.n_ubatch = n_prompt;
    params.n_threads = params.n_threads_batch = n_threads;
    params.no_perf = true;
    if (observe) {
      params.cb_eval = [](ggml_tensor* node, bool ask, void* self) {
        if (ask && node->op == GGML_OP_ROPE)
          static_cast<engine*>(self)->note(node);
        return false;
      };
      params.cb_eval_user_data = this;
    }
    context_.reset(llama_init_from_model(model, params));
    if (context_ == nullptr)
      throw std::runtime_error("llama.cpp makes no context");
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void decode(int first, int n) {
    llama_batch batch = llama_batch_init(n, 0, 1);
    for (int i = 0; i < n; ++i) {
      batch.token[i] = 3 + i % 200;
      batch.pos[i] = first + i;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = i == n - 1;
    }
    batch.n_tokens = n;
    const int status = llama_decode(context_.get(), batch);
    llama_batch_free(batch);
    if (status != 0)
      throw std::runtime_error("llama_decode failed");
    llama_synchronize(context_.get());
  }
  void forget(int from) { llama_memory_seq_rm(llama_get_memory(context_.get()), 0, from, -1); }

  std::vector<rope_shape> shapes_of(int n) {
    shapes_.clear();
    decode(0, n);
    forget(0);
    return shapes_;
  }

private:
  void note(const ggml_tensor* node) {
    rope_shape s;
    std::copy_n(node->ne, 4, s.ne);
    s.n_positions = node->src[1]->ne[0];
    s.n_factors = node->src[2] == nullptr ? 0 : node->src[2]->ne[0];
    s.type = node->type;
    std::memcpy(s.params, node->op_params, sizeof s.params);
    shapes_.push_back(s);
  }

  owned<llama_context> context_;
  std::vector<rope_shape> shapes_;
};

// ---- ROPE nodes alone ---------------------------------------------------------------------------

class ropes_alone {
public:
  explicit ropes_alone(const std::vector<rope_shape>& shapes) {
    std::size_t bytes = std::size_t{16} << 20;
    for (const rope_shape& s : shapes)
      bytes +=
          static_cast<std::size_t>(s.ne[0] * s.ne[1] * s.ne[2] * s.ne[3]) * sizeof(float) + 4096;
    context_.reset(ggml_init({bytes, nullptr, false}));
    ggml_context* const c = context_.get();
    graph_ = ggml_new_graph(c);
    ggml_tensor* const positions = ggml_new_tensor_1d(c, GGML_TYPE_I32, shapes.front().n_positions);
    ids_ = static_cast<std::int32_t*>(positions->data);
    n_ids_ = positions->ne[0];
    ggml_tensor* factors = nullptr;
    if (shapes.front().n_factors > 0) {
      factors = ggml_new_tensor_1d(c, GGML_TYPE_F32, shapes.front().n_factors);
      std::fill_n(static_cast<float*>(factors->data), shapes.front().n_factors, 1.0F);
    }
    for (const rope_shape& s : shapes) {
      ggml_tensor* const x = ggml_new_tensor(c, s.type, 4, s.ne);
      std::memset(x->data, 0, ggml_nbytes(x));
      ggml_tensor* const y = ggml_rope_ext_inplace(c, x, positions, factors, s.params[1], 0, 4096,
                                                   1e4F, 1, 0, 1, 32, 1);
      std::memcpy(y->op_params, s.params, sizeof s.params);
      ggml_build_forward_expand(graph_, y);
    }
  }
  // New positions in each call, as in an engine, so that the plug-in has to make new rows.
  void compute(ggml_backend_t backend) {
    for (std::int64_t i = 0; i < n_ids_; ++i)
      ids_[i] = static_cast<std::int32_t>(first_ + i);
    ++first_;
    if (ggml_backend_graph_compute(backend, graph_) != GGML_STATUS_SUCCESS)
      throw std::runtime_error("a graph of ROPE nodes failed");
  }

private:
  owned<ggml_context> context_;
  ggml_cgraph* graph_ = nullptr;
  std::int32_t* ids_ = nullptr;
  std::int64_t n_ids_ = 0, first_ = 0;
};

owned<ggml_backend> start(const char* device, int n_threads) {
  ggml_backend_dev_t const found = ggml_backend_dev_by_name(device);
  owned<ggml_backend> backend(ggml_backend_dev_init(found, nullptr));
  reinterpret_cast<ggml_backend_set_n_threads_t>(ggml_backend_reg_get_proc_address(
      ggml_backend_dev_backend_reg(found), "ggml_backend_set_n_threads"))(backend.get(), n_threads);
  return backend;
}

// ---- The table ----------------------------------------------------------------------------------

void measure(llama_model* model, const std::string& name, const char* plug_in, int n_threads) {
  engine theirs(model, n_threads, false); // before the plug-in is loaded
  std::vector<rope_shape> shapes_1, shapes_n;
  {
    engine observed(model, n_threads, true);
    shapes_1 = observed.shapes_of(1);
    shapes_n = observed.shapes_of(n_prompt);
  }
  ggml_backend_reg_t const reg = ggml_backend_load(plug_in);
  if (reg == nullptr)
    throw std::runtime_error("ggml does not load the plug-in");
  const auto statistics_now = reinterpret_cast<ggml_yarn::get_statistics>(
      ggml_backend_reg_get_proc_address(reg, ggml_yarn::statistics_name));
  {
    engine ours(model, n_threads, false);
    const owned<ggml_backend> cpu = start("CPU", n_threads), yarn = start("yarn", n_threads);
    for (const int n : {1, n_prompt}) {
      const bool is_decode = n == 1;
      const int first = is_decode ? n_past : 0;
      ropes_alone ropes(is_decode ? shapes_1 : shapes_n);
      std::vector<double> times[2], alone[2], differences, inside;
      ggml_yarn::statistics last;
      for (engine* e : {&theirs, &ours}) {
        e->forget(0);
        if (is_decode)
          e->decode(0, n_past);
      }
      for (int round = -2; round < (is_decode ? 101 : 7); ++round) {
        const ggml_yarn::statistics before = statistics_now();
        double t[2];
        // In turns, so that neither is always the first one.
        for (const int who : {round & 1, 1 - (round & 1)}) {
          engine& e = who == 0 ? theirs : ours;
          t[who] = microseconds(n_threads, [&] { e.decode(first, n); });
          e.forget(first);
        }
        last = statistics_now();
        last.graphs -= before.graphs;
        last.nodes -= before.nodes;
        last.nanoseconds -= before.nanoseconds;
        const double alone_cpu = microseconds(n_threads, [&] { ropes.compute(cpu.get()); });
        const double alone_yarn = microseconds(n_threads, [&] { ropes.compute(yarn.get()); });
        if (round < 0)
          continue; // warming up
        times[0].push_back(t[0]);
        times[1].push_back(t[1]);
        differences.push_back(t[1] - t[0]);
        inside.push_back(static_cast<double>(last.nanoseconds) / 1e3);
        alone[0].push_back(alone_cpu);
        alone[1].push_back(alone_yarn);
      }
      std::printf("| %s | %s | %d | %.0f | %.0f | %+.0f | %.1f | %.1f | %.1f | %llu | %llu |\n",
                  name.c_str(), is_decode ? "decode" : "prompt", n_threads, median(times[0]),
                  median(times[1]), median(differences), median(alone[0]), median(alone[1]),
                  median(inside), static_cast<unsigned long long>(last.nodes),
                  static_cast<unsigned long long>(last.graphs));
      std::fflush(stdout);
    }
  }
  ggml_backend_unload(reg);
}

} // namespace

int main(int argc, char** argv) try {
  const int n_threads = argc < 4 ? 0 : std::atoi(argv[2]);
  if (n_threads < 1) {
    std::fprintf(stderr, "usage: measure PLUG_IN N_THREADS MODEL...\n");
    return 2;
  }
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all();
  std::printf("ggml %s, llama.cpp %s; µs, medians; decode of one token after %d tokens, prompt of "
              "%d tokens\n\n"
              "| model | work | threads | CPU | with plug-in | difference | ROPE nodes: CPU | "
              "plug-in | in llama.cpp | nodes | splits of the plug-in |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|\n",
              ggml_version(), llama_version(), n_past, n_prompt);
  for (int i = 3; i < argc; ++i) {
    const owned<llama_model> model(
        llama_model_load_from_file(argv[i], llama_model_default_params()));
    if (model == nullptr)
      throw std::runtime_error(std::string("llama.cpp cannot load ") + argv[i]);
    std::string name = argv[i];
    name.erase(0, name.find_last_of('/') + 1);
    measure(model.get(), name, argv[1], n_threads);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "measure: %s\n", error.what());
  return 1;
}
