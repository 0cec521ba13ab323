// SPDX-License-Identifier: MIT
// Names and parameters of scaling methods, as text and JSON.
#ifndef YARN_EXAMPLES_INSPECT_METHODS_HPP
#define YARN_EXAMPLES_INSPECT_METHODS_HPP

#include <yarn/hf_config.hpp>
#include <yarn/scaling.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inspect {

/// The type of the method in the library: "yarn_scaling".
const char* type_of(const yarn::any_scaling& method);

/// All parameters of a method, with defaults, under their names.
nlohmann::ordered_json parameters_of(const yarn::any_scaling& method);

/// The temperature of a model: {"type", "parameters", "layers"}; null: none.
nlohmann::ordered_json temperature_of(const yarn::hf_config& config);

/// The factor of a method; none if the method has no factor.
std::optional<double> factor_of(const yarn::any_scaling& method);

/// Whether the frequencies of a method depend on the current length.
bool is_dynamic(const yarn::any_scaling& method);

/// The methods that need only a factor and an original length, so that they can be compared on any
/// model.
const std::vector<std::string>& comparable_methods();

/// The method with this name.
/// Errors   std::invalid_argument: an unknown name. The message lists the known ones.
yarn::any_scaling method_named(const std::string& name, double factor,
                               std::int64_t original_length);

} // namespace inspect

#endif
