// SPDX-License-Identifier: MIT
// A type of one byte that is registered as a format of two bytes is refused, because writes would
// go beyond its end.
// expect: yarn: the element type has another size than the format
#include <yarn/rope.hpp>

#ifdef YARN_EXPECT_FAILURE
struct half {
  unsigned char bits;
};
#else
struct half {
  unsigned short bits;
};
#endif
template <> struct yarn::format_of<half> {
  static constexpr element_format value = element_format::binary16;
};

void copy(yarn::heads_view<float> from, yarn::heads_view<half> to,
          const yarn::rotary_rows<float>& rows) {
  yarn::rope_copy(from, to, rows, yarn::pairing::half_split);
}
