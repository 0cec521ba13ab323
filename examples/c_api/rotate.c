/* SPDX-License-Identifier: MIT
 * The C API: one step of Llama 3.1 with three tokens. Rotates q in place, and writes the rotated
 * keys into a bfloat16 cache. */
#include <yarn/c_api.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config_json[] =
    "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 32,"
    " \"rope_theta\": 500000.0, \"max_position_embeddings\": 131072,"
    " \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
    " \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 8192}}";

enum { n_tokens = 3, n_q_heads = 32, n_kv_heads = 8, head_dim = 128 };

static float q_data[n_tokens * n_q_heads * head_dim];
static float k_data[n_tokens * n_kv_heads * head_dim];
static uint16_t cache_data[n_tokens * n_kv_heads * head_dim];

static void require(yarn_status status) {
  if (status != YARN_OK) {
    fprintf(stderr, "rotate: %s\n", yarn_last_error());
    exit(1);
  }
}

int main(void) {
  /* Once per model. */
  yarn_config* config = NULL;
  yarn_frequencies* freqs = NULL;
  require(yarn_config_from_json(config_json, strlen(config_json), NULL, &config));
  require(yarn_config_frequencies(config, 0, &freqs));
  yarn_config_info info = {.struct_size = sizeof info};
  require(yarn_config_get(config, &info));
  for (int64_t i = 0; i < yarn_texts_size(info.notes); ++i)
    printf("note: %s\n", yarn_texts_at(info.notes, i));

  /* Once per step: the rows of all layers. */
  yarn_rows* rows = NULL;
  const yarn_positions at = {.struct_size = sizeof at, .first = 131000, .n_tokens = n_tokens};
  require(yarn_rows_new(YARN_FLOAT32, &rows));
  require(yarn_rows_assign(rows, freqs, &at, NULL));

  /* For each layer. */
  for (size_t i = 0; i < sizeof q_data / sizeof *q_data; ++i)
    q_data[i] = (float)(i % 7) - 3.0F;
  for (size_t i = 0; i < sizeof k_data / sizeof *k_data; ++i)
    k_data[i] = (float)(i % 5) - 2.0F;
  yarn_tensor q, k, cache;
  require(yarn_tensor_init(&q, sizeof q, q_data, YARN_FLOAT32, n_tokens, n_q_heads, head_dim));
  require(yarn_tensor_init(&k, sizeof k, k_data, YARN_FLOAT32, n_tokens, n_kv_heads, head_dim));
  require(yarn_tensor_init(&cache, sizeof cache, cache_data, YARN_BFLOAT16, n_tokens, n_kv_heads,
                           head_dim));
  const yarn_row_source source = {.struct_size = sizeof source, .rows = rows};
  require(yarn_rope_apply(&q, NULL, &source, info.pairing));
  require(yarn_rope_copy(&k, &cache, &source, info.pairing, info.pairing));
  printf("%s: q[0] = %.6f, cache[0] = 0x%04x, by %s\n", info.rope_type, (double)q_data[0],
         cache_data[0], yarn_instruction_set());

  /* An error: the table has no such row. Nothing is written. */
  yarn_cos_sin table;
  table.struct_size = sizeof table;
  require(yarn_rows_get(rows, &table));
  const yarn_row_source wrong = {.struct_size = sizeof wrong, .table = &table, .positions = &at};
  if (yarn_rope_apply(&q, NULL, &wrong, info.pairing) == YARN_OUT_OF_RANGE)
    printf("%s\n", yarn_last_error());

  yarn_rows_free(rows);
  yarn_frequencies_free(freqs);
  yarn_config_free(config);
  return 0;
}
