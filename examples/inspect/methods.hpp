// SPDX-License-Identifier: MIT
// Scaling methods by name and by parameter: what the library keeps in types, as text and JSON.
#ifndef YARN_EXAMPLES_INSPECT_METHODS_HPP
#define YARN_EXAMPLES_INSPECT_METHODS_HPP

#include <yarn/scaling.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inspect {

/// The library's name of the method that is held: "yarn_scaling".
const char* type_of(const yarn::any_scaling& method);

/// Every parameter in force, those left at their defaults included, under its own name.
nlohmann::ordered_json parameters_of(const yarn::any_scaling& method);

/// The method's factor; none where it has no such number.
std::optional<double> factor_of(const yarn::any_scaling& method);

/// Whether its frequencies depend on the current length.
bool is_dynamic(const yarn::any_scaling& method);

/// The methods that a factor and an original length define, to be compared on one model.
const std::vector<std::string>& comparable_methods();

/// One of them. Errors: std::invalid_argument for another name, listing those that are known.
yarn::any_scaling method_named(const std::string& name, double factor,
                               std::int64_t original_length);

} // namespace inspect

#endif
