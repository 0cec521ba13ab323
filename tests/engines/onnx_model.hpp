// SPDX-License-Identifier: MIT
// A model for onnxruntime, built in memory: operators on tensors that the test owns. The class
// writes the bytes of an .onnx file. It does not use onnxruntime's own graph objects (Ort::Model),
// because their sessions have no custom operators: in 1.23 CreateSessionFromModel does not register
// the domains of the options.
#ifndef YARN_TESTS_ENGINES_ONNX_MODEL_HPP
#define YARN_TESTS_ENGINES_ONNX_MODEL_HPP

#include "../../examples/adapters/onnx_bytes.hpp"

#include <onnxruntime_cxx_api.h>
#include <yarn/onnxruntime.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace engines {

using shape = std::vector<std::int64_t>;

template <class T>
inline constexpr ONNXTensorElementDataType onnx_type =
    yarn::format_of_v<T> == yarn::element_format::binary64   ? ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE
    : yarn::format_of_v<T> == yarn::element_format::binary32 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
    : yarn::format_of_v<T> == yarn::element_format::binary16 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16
    : yarn::format_of_v<T> == yarn::element_format::bfloat16
        ? ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16
        : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

using examples::message;

/// Binds the memory of inputs and outputs when they are added. This memory must outlive the model.
/// Field numbers are those of onnx.proto.
class onnx_model {
public:
  template <class T> void input(const std::string& name, std::vector<T>& data, const shape& s) {
    graph_.add(11, value_info<T>(name, s));
    inputs_.add(name, data, s);
  }
  template <class T> void output(const std::string& name, std::vector<T>& data, const shape& s) {
    graph_.add(12, value_info<T>(name, s));
    outputs_.add(name, data, s);
  }
  void node(const std::string& type, const std::string& domain,
            std::initializer_list<const char*> from, const std::string& to,
            const std::vector<std::pair<const char*, std::int64_t>>& attributes = {}) {
    message made;
    for (const char* name : from)
      made.add(1, std::string(name));
    made.add(2, to).add(3, "node of " + to).add(4, type).add(7, domain);
    for (const auto& [name, value] : attributes) // of type INT
      made.add(5, message().add(1, std::string(name)).add(3, value).add(20, 2));
    graph_.add(1, made);
  }

  /// Creates the session. Call this once, after all nodes were added.
  void start(const std::vector<const OrtCustomOp*>& operators, int n_threads = 1) {
    static Ort::Env environment(ORT_LOGGING_LEVEL_FATAL);
    message model;
    model.add(1, 8).add(7, graph_.add(2, std::string("graph")));
    for (const auto& [domain, version] :
         {std::pair<const char*, int>{"", 18}, {"com.microsoft", 1}, {"yarn", 1}})
      model.add(8, message().add(1, std::string(domain)).add(2, version));
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(n_threads);
    options.SetInterOpNumThreads(1);
    for (const OrtCustomOp* op : operators)
      domain_.Add(op);
    options.Add(domain_);
    session_ = Ort::Session(environment, model.bytes().data(), model.bytes().size(), options);
  }
  void run() {
    session_.Run(Ort::RunOptions(), inputs_.pointers().data(), inputs_.values.data(),
                 inputs_.values.size(), outputs_.pointers().data(), outputs_.values.data(),
                 outputs_.values.size());
  }

private:
  struct bound {
    std::vector<std::string> names;
    std::vector<Ort::Value> values;

    template <class T> void add(const std::string& name, std::vector<T>& data, const shape& s) {
      names.push_back(name);
      values.push_back(
          Ort::Value::CreateTensor(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault),
                                   static_cast<void*>(data.data()), data.size() * sizeof(T),
                                   s.data(), s.size(), onnx_type<T>));
    }
    std::vector<const char*> pointers() const {
      std::vector<const char*> list;
      for (const std::string& name : names)
        list.push_back(name.c_str());
      return list;
    }
  };

  template <class T> static message value_info(const std::string& name, const shape& s) {
    message extents;
    for (const std::int64_t extent : s)
      extents.add(1, message().add(1, extent));
    const message tensor = message().add(1, onnx_type<T>).add(2, extents);
    return message().add(1, name).add(2, message().add(1, tensor));
  }

  message graph_;
  bound inputs_, outputs_;
  Ort::CustomOpDomain domain_{"yarn"};
  Ort::Session session_{nullptr};
};

} // namespace engines

#endif // YARN_TESTS_ENGINES_ONNX_MODEL_HPP
