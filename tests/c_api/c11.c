/* SPDX-License-Identifier: MIT
 * c_api.h in C11 without extensions: the header is complete, may be included twice, and gives
 * structs the layout that they have in C++. */
#include <yarn/c_api.h>

size_t c11_layout(size_t* values);

#define LAYOUT(type, last)                                                                         \
  values[n++] = sizeof(type);                                                                      \
  values[n++] = offsetof(type, last)

/* Writes the sizes and the offsets of the last fields, and returns their number. */
size_t c11_layout(size_t* values) {
  size_t n = 0;
#include "layouts.inc"
  return n;
}
