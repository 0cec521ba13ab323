// SPDX-License-Identifier: MIT
// Tables of facts that a config.json lacks and that the class of its model type decides.
#ifndef YARN_DETAIL_HF_TABLES_HPP
#define YARN_DETAIL_HF_TABLES_HPP

#include "../base/abi.hpp"

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A row of a table: facts, and the model types that have them. Facts must have a member
// `const char* model_type`, which is null in the table.
template <class Facts> struct hf_table_row {
  Facts facts;
  std::initializer_list<const char*> model_types;
};

// The facts about a model type, with its name in `model_type`. A type that is not in the table has
// the facts Facts(), whose model_type is null.
template <class Facts, std::size_t N>
Facts hf_find_facts(const hf_table_row<Facts> (&table)[N], std::string_view model_type) {
  for (const hf_table_row<Facts>& row : table)
    for (const char* name : row.model_types)
      if (model_type == name) {
        Facts found = row.facts;
        found.model_type = name;
        return found;
      }
  return {};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
