// SPDX-License-Identifier: MIT
// A plug-in for ggml: a backend that computes GGML_OP_ROPE and GGML_OP_ROPE_BACK on host memory, in
// f32 and f16, and leaves all other operators to the CPU backend. See README.md.
#include "yarn_backend.hpp"
#include "interface_check.hpp"
#include "rope_node.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using ggml_yarn::rope_frequencies;

// ggml keeps a plug-in loaded until the process ends, or until the program calls
// ggml_backend_unload. Before this call the program must free its backends, so these objects
// outlive all backends.
rope_frequencies all_frequencies;
struct {
  std::atomic<std::uint64_t> graphs{0}, nodes{0}, rows_made{0}, rows_found{0}, nanoseconds{0};
} totals;

ggml_yarn::statistics statistics() {
  return {totals.graphs, totals.nodes, totals.rows_made, totals.rows_found, totals.nanoseconds};
}

// Nodes with fewer tokens are left to the CPU backend: YARN_GGML_MIN_TOKENS, or 1.
std::int64_t min_tokens = 1;

// Set the environment variable YARN_GGML_REPORT to see what the plug-in did in a program.
void report_at_exit() {
  if (std::getenv("YARN_GGML_REPORT") == nullptr)
    return;
  std::atexit([] {
    const ggml_yarn::statistics s = statistics();
    std::fprintf(
        stderr, "yarn: %llu splits with %llu ROPE nodes, %llu with new rows, in %.3f ms\n",
        static_cast<unsigned long long>(s.graphs), static_cast<unsigned long long>(s.nodes),
        static_cast<unsigned long long>(s.rows_made), static_cast<double>(s.nanoseconds) / 1e6);
  });
}

// ---- The backend --------------------------------------------------------------------------------

struct backend_context {
  ggml_yarn::rows_cache rows{all_frequencies};
  int n_threads = 1;
};
backend_context& context_of(ggml_backend_t backend) {
  return *static_cast<backend_context*>(backend->context);
}

bool is_rope(const ggml_tensor* node) {
  return node->op == GGML_OP_ROPE || node->op == GGML_OP_ROPE_BACK;
}
// Nodes that only name memory. The scheduler may give them to any backend.
bool is_view(const ggml_tensor* node) {
  return node->op == GGML_OP_NONE || node->op == GGML_OP_RESHAPE || node->op == GGML_OP_VIEW ||
         node->op == GGML_OP_PERMUTE || node->op == GGML_OP_TRANSPOSE;
}

ggml_status compute(backend_context& context, ggml_cgraph* graph) {
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    const ggml_tensor* const node = ggml_graph_node(graph, i);
    if (ggml_is_empty(node) || is_view(node))
      continue;
    if (!is_rope(node)) {
      std::fprintf(stderr, "yarn: the scheduler passed a node %s, which is not supported\n",
                   ggml_op_desc(node));
      return GGML_STATUS_FAILED;
    }
    const auto* const rows = context.rows.find(node);
    if (rows == nullptr) {
      std::fprintf(stderr, "yarn: node %s: a freq_factor is not finite or not > 0\n", node->name);
      return GGML_STATUS_FAILED;
    }
    ggml_yarn::rope_node(node, *rows, context.n_threads).compute();
    totals.nodes.fetch_add(1, std::memory_order_relaxed);
  }
  return GGML_STATUS_SUCCESS;
}

ggml_status graph_compute(ggml_backend_t backend, ggml_cgraph* graph) {
  using clock = std::chrono::steady_clock;
  const auto start = clock::now();
  backend_context& context = context_of(backend);
  const auto before = context.rows.statistics();
  ggml_status status = GGML_STATUS_FAILED;
  try {
    status = compute(context, graph);
  } catch (const std::exception& error) { // exceptions cannot pass through ggml
    std::fprintf(stderr, "%s\n", error.what());
  }
  const auto after = context.rows.statistics();
  const auto add = [](std::atomic<std::uint64_t>& total, std::uint64_t n) {
    total.fetch_add(n, std::memory_order_relaxed);
  };
  add(totals.graphs, 1);
  add(totals.rows_made, after.made - before.made);
  add(totals.rows_found, after.found - before.found);
  add(totals.nanoseconds,
      static_cast<std::uint64_t>(std::chrono::nanoseconds(clock::now() - start).count()));
  return status;
}

void set_n_threads(ggml_backend_t backend, int n_threads) {
  context_of(backend).n_threads = n_threads;
}

ggml_backend_t init_backend(ggml_backend_dev_t device, const char*) {
  static ggml_guid guid = {0x79, 0x61, 0x72, 0x6e, 0x1d, 0x52, 0x4b, 0x0e,
                           0x9c, 0x37, 0x55, 0xa8, 0xe0, 0x64, 0x2b, 0xf1};
  // Fields are set by name. Headers of other versions have more of them, which stay null.
  auto* const backend = new ggml_backend{};
  backend->guid = &guid;
  backend->iface.get_name = [](ggml_backend_t) { return "yarn"; };
  backend->iface.free = [](ggml_backend_t b) {
    delete &context_of(b);
    delete b;
  };
  backend->iface.graph_compute = graph_compute;
  backend->device = device;
  backend->context = new backend_context;
  return backend;
}

// ---- The device ---------------------------------------------------------------------------------

const char* device_name(ggml_backend_dev_t) { return "yarn"; }
const char* device_description(ggml_backend_dev_t) { return "rotary position embeddings"; }
// `enum`, because ggml also has a function of this name.
enum ggml_backend_dev_type device_type(ggml_backend_dev_t) {
  return GGML_BACKEND_DEVICE_TYPE_ACCEL;
}
void device_memory(ggml_backend_dev_t, std::size_t* free, std::size_t* total) {
  *free = *total = 0; // none of its own
}

ggml_backend_device make_device(ggml_backend_reg_t reg) {
  ggml_backend_device device{};
  device.reg = reg;
  device.iface.get_name = device_name;
  device.iface.get_description = device_description;
  device.iface.get_memory = device_memory;
  device.iface.get_type = device_type;
  device.iface.get_props = [](ggml_backend_dev_t d, ggml_backend_dev_props* props) {
    props->name = device_name(d);
    props->description = device_description(d);
    props->type = device_type(d);
    device_memory(d, &props->memory_free, &props->memory_total);
    props->caps = {};
    props->caps.buffer_from_host_ptr = true;
  };
  device.iface.init_backend = init_backend;
  device.iface.get_buffer_type = [](ggml_backend_dev_t) { return ggml_backend_cpu_buffer_type(); };
  device.iface.buffer_from_host_ptr = [](ggml_backend_dev_t, void* data, std::size_t size,
                                         std::size_t) {
    return ggml_backend_cpu_buffer_from_ptr(data, size);
  };
  device.iface.supports_op = [](ggml_backend_dev_t, const ggml_tensor* op) {
    return is_view(op) || (is_rope(op) && op->ne[2] >= min_tokens &&
                           ggml_yarn::is_supported_rope(op, all_frequencies));
  };
  device.iface.supports_buft = [](ggml_backend_dev_t, ggml_backend_buffer_type_t type) {
    return ggml_backend_buft_is_host(type);
  };
  return device;
}

ggml_backend_reg_t make_reg() {
  static ggml_backend_reg reg{};
  reg.api_version = GGML_BACKEND_API_VERSION;
  reg.iface.get_name = [](ggml_backend_reg_t) { return "yarn"; };
  reg.iface.get_device_count = [](ggml_backend_reg_t) { return std::size_t{1}; };
  reg.iface.get_device = [](ggml_backend_reg_t r, std::size_t) {
    static ggml_backend_device device = make_device(r);
    return &device;
  };
  reg.iface.get_proc_address = [](ggml_backend_reg_t, const char* name) -> void* {
    if (std::strcmp(name, "ggml_backend_set_n_threads") == 0)
      return reinterpret_cast<void*>(set_n_threads);
    if (std::strcmp(name, ggml_yarn::statistics_name) == 0)
      return reinterpret_cast<void*>(statistics);
    return nullptr;
  };
  return &reg;
}

} // namespace

// The two functions that ggml looks up in a plug-in.
extern "C" {

GGML_BACKEND_API ggml_backend_reg_t ggml_backend_init(void) {
  if (ggml_yarn::interface_check::passes()) {
    const char* const n = std::getenv("YARN_GGML_MIN_TOKENS");
    min_tokens = n == nullptr ? 1 : std::atoll(n);
    report_at_exit();
    return make_reg();
  }
  std::fprintf(stderr,
               "yarn: the backend interface of this ggml (%s) is not that of the header "
               "ggml-backend-impl.h with which the plug-in was compiled\n",
               ggml_version());
  return nullptr;
}

// ggml skips plug-ins with score 0. It needs a score if several plug-ins have the name of one
// backend.
GGML_BACKEND_API int ggml_backend_score(void) { return 1; }

} // extern "C"
