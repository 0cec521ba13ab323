// SPDX-License-Identifier: MIT
// Checks that the ggml of this process has the interface of the header that this plug-in was
// compiled with. ggml compares GGML_BACKEND_API_VERSION, but between 0.9.9 and 0.21 functions were
// put into the middle of ggml_backend_i, and the number stayed 2.
#ifndef YARN_EXAMPLES_GGML_BACKEND_INTERFACE_CHECK_HPP
#define YARN_EXAMPLES_GGML_BACKEND_INTERFACE_CHECK_HPP

#include <ggml-backend-impl.h>

#include <cstring>

namespace ggml_yarn {

/// Calls functions of a device and of a backend through ggml. Each function has its own answer, so
/// a call that arrives at another function is noticed. All other functions of the structs are
/// wrong_function, and so is the memory after the structs.
class interface_check {
public:
  static bool passes() {
    padded<ggml_backend_device> device_memory;
    padded<ggml_backend> backend_memory;
    ggml_backend_device& device = device_memory.object;
    ggml_backend& backend = backend_memory.object;
    device.iface.get_name = [](ggml_backend_dev_t) { return "name"; };
    device.iface.get_description = [](ggml_backend_dev_t) { return "description"; };
    device.iface.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_ACCEL; };
    device.iface.get_buffer_type = [](ggml_backend_dev_t) { return answer<buffer_type>(1); };
    device.iface.init_backend = [](ggml_backend_dev_t, const char*) {
      return answer<ggml_backend_t>(2);
    };
    device.iface.supports_op = [](ggml_backend_dev_t, const ggml_tensor* op) {
      return op == answer<ggml_tensor*>(3);
    };
    device.iface.supports_buft = [](ggml_backend_dev_t, buffer_type type) {
      return type == answer<buffer_type>(4);
    };
    device.reg = answer<ggml_backend_reg_t>(5);
    backend.iface.get_name = [](ggml_backend_t) { return "backend"; };
    backend.iface.graph_compute = [](ggml_backend_t, ggml_cgraph*) { return GGML_STATUS_ABORTED; };
    backend.device = answer<ggml_backend_dev_t>(6);
    return is(ggml_backend_dev_name(&device), "name") &&
           is(ggml_backend_dev_description(&device), "description") &&
           ggml_backend_dev_type(&device) == GGML_BACKEND_DEVICE_TYPE_ACCEL &&
           ggml_backend_dev_buffer_type(&device) == answer<buffer_type>(1) &&
           ggml_backend_dev_init(&device, nullptr) == answer<ggml_backend_t>(2) &&
           ggml_backend_dev_supports_op(&device, answer<ggml_tensor*>(3)) &&
           ggml_backend_dev_supports_buft(&device, answer<buffer_type>(4)) &&
           ggml_backend_dev_backend_reg(&device) == answer<ggml_backend_reg_t>(5) &&
           is(ggml_backend_name(&backend), "backend") &&
           ggml_backend_get_device(&backend) == answer<ggml_backend_dev_t>(6) &&
           ggml_backend_graph_compute_async(&backend, nullptr) == GGML_STATUS_ABORTED;
  }

private:
  using buffer_type = ggml_backend_buffer_type_t;

  // Distinct pointers that nothing dereferences.
  template <class Pointer> static Pointer answer(int i) {
    static char places[8];
    return reinterpret_cast<Pointer>(places + i);
  }
  static void* wrong_function() { return answer<void*>(0); }

  template <class T> union padded {
    padded() {
      for (auto& slot : slots)
        slot = &interface_check::wrong_function;
    }
    void* (*slots[sizeof(T) / sizeof(void*) + 16])();
    T object;
  };

  static bool is(const char* found, const char* wanted) {
    return found != answer<char*>(0) && std::strcmp(found, wanted) == 0;
  }
};

} // namespace ggml_yarn

#endif // YARN_EXAMPLES_GGML_BACKEND_INTERFACE_CHECK_HPP
