// SPDX-License-Identifier: MIT
// Every combination of the options of a norm and of a call, for elements in float and double.
#include "../support/norm_matrix.hpp"

namespace support {
using elements_and_weights =
    ::testing::Types<element_and_weight<float, float>, element_and_weight<float, yarn::bfloat16>,
                     element_and_weight<float, yarn::float16>, element_and_weight<double, float>,
                     element_and_weight<double, yarn::bfloat16>,
                     element_and_weight<double, yarn::float16>>;
INSTANTIATE_TYPED_TEST_SUITE_P(wide, norm_matrix, elements_and_weights, element_and_weight_names);
} // namespace support
