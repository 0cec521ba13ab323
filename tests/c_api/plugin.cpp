// SPDX-License-Identifier: MIT
// A shared library of a user that contains the C API in one source, with hidden visibility. It
// exports its own function and no function of the C API. (Templates of the standard library are
// exported in spite of hidden visibility.)
#define YARN_C_API_NO_JSON
#define YARN_C_API_IMPLEMENTATION
#include <yarn/c_api.h>

// Returns the message of a call that fails: the exception is thrown and caught in this library.
extern "C" __attribute__((visibility("default"))) const char* plugin_run(void) {
  yarn_config* config = nullptr;
  if (yarn_config_from_json("{}", 2, nullptr, &config) != YARN_UNSUPPORTED)
    return "config.json was read";
  float head[4] = {1, 2, 3, 4};
  const double inv_freq[2] = {1.0, 0.01};
  yarn_frequencies* f = nullptr;
  yarn_tensor x;
  yarn_positions at = {};
  at.struct_size = sizeof at;
  at.first = 7;
  at.n_tokens = -1;
  yarn_row_source rows = {};
  rows.struct_size = sizeof rows;
  rows.positions = &at;
  if (yarn_frequencies_from(inv_freq, YARN_FLOAT64, 2, 1.0, &f) != YARN_OK ||
      yarn_tensor_init(&x, sizeof x, head, YARN_FLOAT32, 1, 1, 4) != YARN_OK)
    return yarn_last_error();
  rows.frequencies = f;
  const yarn_status status = yarn_rope_apply(&x, nullptr, &rows, YARN_HALF_SPLIT);
  yarn_frequencies_free(f);
  if (status != YARN_OK || head[0] == 1.0F)
    return "not rotated";
  yarn_rope_apply(&x, nullptr, nullptr, YARN_HALF_SPLIT);
  return yarn_last_error();
}
