/* SPDX-License-Identifier: MIT
 * Reads a configuration, if the library can, and rotates one head. */
#include <yarn/c_api.h>

#include <stdio.h>
#include <string.h>

#if defined(EXPECT_NO_JSON)
#define EXPECTED YARN_UNSUPPORTED
#else
#define EXPECTED YARN_OK
#endif

int main(void) {
  const char text[] = "{\"model_type\": \"llama\", \"head_dim\": 8, \"rope_theta\": 10000.0}";
  const double inv_freq[] = {1.0, 0.1, 0.01, 0.001};
  float head[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  yarn_config* config = NULL;
  yarn_frequencies* freqs = NULL;
  yarn_tensor x;
  const yarn_positions at = {.struct_size = sizeof at, .first = 3, .n_tokens = -1};
  yarn_row_source rows = {.struct_size = sizeof rows, .positions = &at};
  if (yarn_config_from_json(text, strlen(text), NULL, &config) != EXPECTED ||
      yarn_frequencies_from(inv_freq, YARN_FLOAT64, 4, 1.0, &freqs) != YARN_OK)
    return 1;
  rows.frequencies = freqs;
  if (yarn_tensor_init(&x, sizeof x, head, YARN_FLOAT32, 1, 1, 8) != YARN_OK ||
      yarn_rope_apply(&x, NULL, &rows, YARN_HALF_SPLIT) != YARN_OK)
    return 2;
  printf("%s %s: %f\n", yarn_library_version(), yarn_instruction_set(), (double)head[0]);
  yarn_frequencies_free(freqs);
  yarn_config_free(config);
  return head[0] == 1.0F ? 3 : 0;
}
