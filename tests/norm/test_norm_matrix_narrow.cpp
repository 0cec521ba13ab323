// SPDX-License-Identifier: MIT
// Every combination of the options of a norm and of a call, for elements of 16 and 8 bits.
#include "../support/norm_matrix.hpp"

namespace support {
using elements_and_weights = ::testing::Types<
    element_and_weight<yarn::float16, float>, element_and_weight<yarn::float16, yarn::bfloat16>,
    element_and_weight<yarn::float16, yarn::float16>, element_and_weight<yarn::bfloat16, float>,
    element_and_weight<yarn::bfloat16, yarn::bfloat16>,
    element_and_weight<yarn::bfloat16, yarn::float16>, element_and_weight<yarn::float8_e4m3, float>,
    element_and_weight<yarn::float8_e4m3, yarn::bfloat16>,
    element_and_weight<yarn::float8_e4m3, yarn::float16>>;
INSTANTIATE_TYPED_TEST_SUITE_P(narrow, norm_matrix, elements_and_weights, element_and_weight_names);
} // namespace support
