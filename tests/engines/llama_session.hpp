// SPDX-License-Identifier: MIT
// llama.cpp on a GGUF file, with the plug-in of examples/ggml_backend or without it. All ROPE nodes
// can be observed, and replaced by their exact results.
#ifndef YARN_TESTS_ENGINES_LLAMA_SESSION_HPP
#define YARN_TESTS_ENGINES_LLAMA_SESSION_HPP

#include "../../examples/ggml_backend/yarn_backend.hpp"
#include "ggml_exact_rope.hpp"

#include <ggml-backend.h>
#include <llama.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace engines {

enum class rope_of {
  cpu,    ///< ggml's CPU backend
  plug_in ///< the plug-in
};

inline std::string path_from(const char* variable) {
  const char* const path = std::getenv(variable);
  if (path == nullptr)
    throw std::runtime_error(std::string("the environment has no ") + variable);
  return path;
}

/// Errors of all ROPE nodes, in lengths of their pairs.
struct node_errors {
  int n_nodes = 0;
  double largest = 0;
  double largest_angle = 0; // of a node with the largest error
};

struct session_options {
  int n_threads = 1;
  ggml_type type_k = GGML_TYPE_F32;
  int n_sequences = 1;
  int n_ctx = 768;
  bool observe = false; // compute node by node, and compare each ROPE node with the exact result
  bool replace = false; // also overwrite its result with the exact one
};

class session {
public:
  session(const std::string& model, rope_of rope, const session_options& options = {})
      : options_(options) {
    static const bool loaded = [] {
      llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
      ggml_backend_load_all();
      return true;
    }();
    static_cast<void>(loaded);
    if (rope == rope_of::plug_in) {
      plug_in_.reset(ggml_backend_load(path_from("YARN_GGML_PLUG_IN").c_str()));
      if (plug_in_ == nullptr)
        throw std::runtime_error("the plug-in does not load");
    }
    model_.reset(
        llama_model_load_from_file((path_from("YARN_GGML_MODELS") + "/" + model + ".gguf").c_str(),
                                   llama_model_default_params()));
    if (model_ == nullptr)
      throw std::runtime_error("llama.cpp cannot load " + model);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<std::uint32_t>(options.n_ctx * options.n_sequences);
    params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(options.n_ctx);
    params.n_seq_max = static_cast<std::uint32_t>(options.n_sequences);
    params.n_threads = params.n_threads_batch = options.n_threads;
    params.type_k = options.type_k;
    // Quantised values need flash attention.
    params.type_v = ggml_is_quantized(options.type_k) ? GGML_TYPE_F32 : options.type_k;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.swa_full = true; // else layers with a window cannot be shifted
    params.no_perf = true;
    if (options.observe) {
      params.cb_eval = [](ggml_tensor* node, bool ask, void* self) {
        return static_cast<session*>(self)->observe(node, ask);
      };
      params.cb_eval_user_data = this;
    }
    context_.reset(llama_init_from_model(model_.get(), params));
    if (context_ == nullptr)
      throw std::runtime_error("llama.cpp makes no context for " + model);
    before_ = counted();
    errors_ = {};
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  llama_context* context() const { return context_.get(); }
  llama_memory_t memory() const { return llama_get_memory(context_.get()); }
  int n_vocab() const { return llama_vocab_n_tokens(llama_model_get_vocab(model_.get())); }

  struct token {
    std::int32_t position;
    std::int32_t sequence = 0;
  };
  /// Decodes tokens in one batch. The token ids follow from position and sequence. Returns the
  /// logits of all tokens.
  std::vector<float> decode(const std::vector<token>& tokens) {
    llama_batch batch = llama_batch_init(static_cast<int>(tokens.size()), 0, 1);
    for (const token& t : tokens) {
      const int i = batch.n_tokens++;
      batch.token[i] = 3 + (t.position * 31 + t.sequence * 77) % 300;
      batch.pos[i] = t.position;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = t.sequence;
      batch.logits[i] = 1;
    }
    const int status = llama_decode(context_.get(), batch);
    llama_batch_free(batch);
    if (status != 0)
      throw std::runtime_error("llama_decode returned " + std::to_string(status));
    llama_synchronize(context_.get());
    const float* const logits = llama_get_logits(context_.get());
    return {logits, logits + static_cast<std::ptrdiff_t>(tokens.size()) * n_vocab()};
  }
  std::vector<float> decode_run(std::int32_t first, int n, std::int32_t sequence = 0) {
    std::vector<token> tokens;
    for (int i = 0; i < n; ++i)
      tokens.push_back({first + i, sequence});
    return decode(tokens);
  }

  /// Decodes n embeddings, as for an image, at positions [4][n].
  void decode_embeddings(std::vector<std::int32_t>& positions, std::size_t n) {
    const auto dim = static_cast<std::size_t>(llama_model_n_embd(model_.get()));
    std::vector<float> values(n * dim);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(i * 2654435761U % 1024) / 512.0F - 1.0F;
    llama_batch batch = llama_batch_init(static_cast<int>(n), static_cast<int>(dim), 1);
    const llama_batch allocated = batch;
    batch.n_tokens = static_cast<int>(n);
    batch.embd = values.data();
    batch.pos = positions.data();
    for (std::size_t i = 0; i < n; ++i) {
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = 0;
    }
    const int status = llama_decode(context_.get(), batch);
    llama_batch_free(allocated);
    if (status != 0)
      throw std::runtime_error("llama_decode returned " + std::to_string(status));
    llama_synchronize(context_.get());
  }

  const node_errors& errors() const { return errors_; }
  void forget_errors() { errors_ = {}; }
  /// What the plug-in has done since the session began.
  ggml_yarn::statistics done() const {
    ggml_yarn::statistics now = counted();
    now.graphs -= before_.graphs;
    now.nodes -= before_.nodes;
    now.rows_made -= before_.rows_made;
    now.rows_found -= before_.rows_found;
    now.nanoseconds -= before_.nanoseconds;
    return now;
  }

private:
  // Returns true for every node, so that ggml computes one node at a time: when it asks for a ROPE
  // node, the inputs of the node are complete.
  bool observe(ggml_tensor* node, bool ask) {
    if (node->op != GGML_OP_ROPE)
      return true;
    if (ask) {
      expected_.emplace(node);
      return true;
    }
    ++errors_.n_nodes;
    const std::vector<double> exact = expected_->elements(), lengths = expected_->lengths();
    exact_rope::visit(node, [&](std::int64_t index, double found) {
      const auto i = static_cast<std::size_t>(index);
      const double off = std::fabs(found - exact[i]);
      const double error = off == 0 ? 0 : off / lengths[i]; // infinite if it was not to be rotated
      if (!(error <= errors_.largest)) {
        errors_.largest = error;
        errors_.largest_angle = static_cast<double>(expected_->largest_angle());
      }
    });
    if (options_.replace)
      exact_rope::write(node, exact);
    return true;
  }

  ggml_yarn::statistics counted() const {
    if (plug_in_ == nullptr)
      return {};
    const auto get = reinterpret_cast<ggml_yarn::get_statistics>(
        ggml_backend_reg_get_proc_address(plug_in_.get(), ggml_yarn::statistics_name));
    return get();
  }

  struct freer {
    void operator()(ggml_backend_reg* r) const { ggml_backend_unload(r); }
    void operator()(llama_model* m) const { llama_model_free(m); }
    void operator()(llama_context* c) const { llama_free(c); }
  };
  session_options options_;
  std::unique_ptr<ggml_backend_reg, freer> plug_in_;
  std::unique_ptr<llama_model, freer> model_;
  std::unique_ptr<llama_context, freer> context_;
  std::optional<exact_rope> expected_;
  node_errors errors_;
  ggml_yarn::statistics before_;
};

} // namespace engines

#endif // YARN_TESTS_ENGINES_LLAMA_SESSION_HPP
