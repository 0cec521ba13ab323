// SPDX-License-Identifier: MIT
// Loads the CPU backend of ggml and computes graphs with a given number of threads.
#ifndef YARN_TESTS_ENGINES_GGML_CPU_BACKEND_HPP
#define YARN_TESTS_ENGINES_GGML_CPU_BACKEND_HPP

#include <ggml-backend.h>
#include <ggml.h>

#include <cstddef>
#include <memory>
#include <stdexcept>

namespace engines {

struct ggml_freer {
  void operator()(ggml_context* c) const { ggml_free(c); }
  void operator()(ggml_backend* b) const { ggml_backend_free(b); }
  void operator()(ggml_backend_buffer* b) const { ggml_backend_buffer_free(b); }
};
using context_ptr = std::unique_ptr<ggml_context, ggml_freer>;
using backend_ptr = std::unique_ptr<ggml_backend, ggml_freer>;
using buffer_ptr = std::unique_ptr<ggml_backend_buffer, ggml_freer>;

/// A context that owns the memory of its tensors, so that a graph needs no allocator.
inline context_ptr make_context(std::size_t bytes) {
  context_ptr made(ggml_init({bytes, nullptr, false}));
  if (made == nullptr)
    throw std::runtime_error("ggml_init failed");
  return made;
}

/// The CPU backend of ggml: of its variants, the best one that this machine can run.
class cpu_backend {
public:
  explicit cpu_backend(int n_threads) {
    static auto* const device = [] {
      ggml_backend_load_all();
      return ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    }();
    if (device == nullptr)
      throw std::runtime_error("ggml has no CPU backend for this processor");
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
  ggml_backend_t backend() const { return backend_.get(); }

private:
  backend_ptr backend_;
};

} // namespace engines

#endif // YARN_TESTS_ENGINES_GGML_CPU_BACKEND_HPP
